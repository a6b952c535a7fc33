"""Microsoft's own client works with a Blob Storage: the local one, and, with --azurite, Azurite.

Reads on standard input what `gridwich local --print json` printed, or with --azurite one line with a connection string.
Ends with an error at the first surprise.
"""
import base64, hashlib, io, json, os, sys, time, uuid, urllib.request
from datetime import datetime, timedelta, timezone

from azure.core import MatchConditions
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import (
    AccessPolicy, AccountSasPermissions, BlobBlock, BlobClient, BlobSasPermissions, BlobServiceClient,
    ContainerClient, ContainerSasPermissions, ContentSettings, PublicAccess, ResourceTypes, StandardBlobTier, generate_account_sas,
    generate_blob_sas, generate_container_sas)

AZURITE = "--azurite" in sys.argv
if AZURITE:
    ARGS = [sys.stdin.readline().strip()]
else:
    PLACES = json.load(sys.stdin)
    ACCOUNTS = {account["account"]: account for account in PLACES["storage"]}
    ARGS = [ACCOUNTS["inbox"]["connectionString"]]
    if ARGS[0].startswith("DefaultEndpointsProtocol=https"):
        # Bearer tokens are sent over TLS only.
        os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = PLACES["caFile"]
        ARGS += [ACCOUNTS["inbox"]["blobEndpoint"], PLACES["caFile"], ACCOUNTS["archive"]["connectionString"]]
NOW = datetime.now(timezone.utc)
HOUR = timedelta(hours=1)


def said(text):
    print("ok", text, flush=True)


def fails(status, code, act):
    try:
        act()
    except HttpResponseError as e:
        assert e.status_code == status, (e.status_code, status, e)
        got = getattr(e, "error_code", None)
        got = getattr(got, "value", got)
        assert code is None or got == code, (got, code)
        return e
    raise AssertionError(f"expected {status} {code}")


class FakeCredential:
    """A token anybody can make; a local service does not check who signed it."""
    def get_token(self, *scopes, **kw):
        part = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=").decode()
        now = int(time.time())
        claims = {"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
                  "iat": now, "nbf": now, "exp": now + 3600, "oid": "22222222-2222-2222-2222-222222222222",
                  "tid": "11111111-1111-1111-1111-111111111111"}
        return AccessToken(".".join([part({"alg": "RS256", "typ": "JWT"}), part(claims), "c2ln"]), now + 3600)


service = BlobServiceClient.from_connection_string(ARGS[0])
account, key = service.account_name, service.credential.account_key
name = "c" + uuid.uuid4().hex[:12]
c = service.get_container_client(name)

# --- service
info = service.get_account_information()
assert info["sku_name"], info
service.get_service_properties()
said("account information and service properties")

# --- containers
c.create_container(metadata={"show": "17"})
fails(409, "ContainerAlreadyExists", lambda: c.create_container())
assert c.exists() and c.get_container_properties().metadata == {"show": "17"}
c.set_container_metadata({"show": "18"})
assert c.get_container_properties().metadata == {"show": "18"}
assert name in [x.name for x in service.list_containers(name_starts_with=name, include_metadata=True)]
more = [service.create_container(f"{name}-{i}") for i in range(3)]
pages = list(service.list_containers(name_starts_with=name, results_per_page=2).by_page())
assert [len(list(p)) for p in pages] == [2, 2]
for m in more:
    m.delete_container()
fails(404, "ContainerNotFound", lambda: more[0].get_container_properties())
fails(400, "InvalidResourceName", lambda: service.create_container("Bad--Name"))
said("containers")

# --- upload, download, properties
b = c.get_blob_client("a/b c+d%41#é?.bin")
data = os.urandom(300_000)
settings = ContentSettings(content_type="video/mp4", content_language="de", cache_control="no-cache", content_disposition="inline", content_encoding="identity")
up = b.upload_blob(data, metadata={"one": "1", "a_b": "x", "a1": "y"}, content_settings=settings)
p = b.get_blob_properties()
assert p.size == len(data) and p.etag == up["etag"] and p.metadata == {"one": "1", "a_b": "x", "a1": "y"}, p
assert p.content_settings.content_type == "video/mp4" and p.content_settings.content_language == "de"
assert bytes(p.content_settings.content_md5) == hashlib.md5(data).digest()
assert p.blob_tier == "Hot" and p.blob_tier_inferred
assert b.download_blob().readall() == data
assert b.download_blob(offset=1000, length=77).readall() == data[1000:1077]
assert b.download_blob(offset=0, length=1000, validate_content=True).readall() == data[:1000]
fails(409, "BlobAlreadyExists", lambda: b.upload_blob(data))
b.upload_blob(b"", overwrite=True)
assert b.download_blob().readall() == b""
fails(416, "InvalidRange", lambda: b.download_blob(offset=10, length=5).readall())
said("upload, download, ranges, empty blobs")

for n in ["plain", "sp ace", "plus+plus", "100%", "a%2Fb", "ha#sh", "qu?ery", "/lead", "trail/", "a//b", "日本語", "e\u0301", "\u00e9", "x" * 1024, "tilde~", "semi;colon", "quote'\"<&>", "eq=&amp"]:
    x = c.get_blob_client("names/" + n if len(n) < 1000 else n)
    x.upload_blob(n.encode(), metadata={"k": "v"})
    assert x.download_blob().readall() == n.encode()
listed = {x.name for x in c.list_blobs(name_starts_with="names/")}
assert {"names/sp ace", "names/a%2Fb", "names//lead", "names/trail/", "names/e\u0301", "names/\u00e9", "names/quote'\"<&>"} <= listed, listed
if not AZURITE:
    bell = c.get_blob_client("ctl/bell\u0007")
    bell.upload_blob(b"x")
    assert [x.name for x in c.list_blobs(name_starts_with="ctl/")] == ["ctl/bell\u0007"]
said("names")

# --- chunked upload, blocks
small = BlobServiceClient.from_connection_string(ARGS[0], max_single_put_size=64 * 1024, max_block_size=64 * 1024, max_chunk_get_size=100_000, max_single_get_size=100_000)
sb = small.get_blob_client(name, "chunked")
big = os.urandom(1_000_000)
sb.upload_blob(big, max_concurrency=4)
assert sb.download_blob(max_concurrency=4).readall() == big
committed, uncommitted = sb.get_block_list("all")
assert len(committed) == 16 and not uncommitted
sb.upload_blob(io.BytesIO(big), overwrite=True, validate_content=True)
assert sb.download_blob(validate_content=True).readall() == big
k = c.get_blob_client("blocks")
k.stage_block("aaa", b"one ")
k.stage_block("bbb", b"two ")
fails(400, "InvalidBlobOrBlock", lambda: k.stage_block("cccc", b"x"))
assert [x.name for x in c.list_blobs(include=["uncommittedblobs"], name_starts_with="blocks")] == ["blocks"]
assert list(c.list_blobs(name_starts_with="blocks")) == []
k.commit_block_list([BlobBlock("bbb"), BlobBlock("aaa")], content_settings=ContentSettings(content_type="text/plain"), metadata={"m": "1"})
assert k.download_blob().readall() == b"two one "
k.stage_block("ccc", b"three")
committed, uncommitted = k.get_block_list("all")
assert [x.id for x in committed] == ["bbb", "aaa"] and [x.id for x in uncommitted] == ["ccc"]
k.commit_block_list([BlobBlock("aaa"), BlobBlock("ccc")])
assert k.download_blob().readall() == b"one three"
fails(400, "InvalidBlockList", lambda: k.commit_block_list([BlobBlock("zzz")]))
said("chunked uploads and blocks")

# --- content validation by CRC64 needs azure-storage-blob[ext-checksums]
try:
    import azure.storage.extensions.checksums  # noqa: F401
    v = c.get_blob_client("crc")
    v.upload_blob(b"123456789", validate_content="crc64")
    assert v.download_blob().readall() == b"123456789"
    said("CRC64")
except ImportError:
    pass

# --- properties, metadata, conditions
b = c.get_blob_client("cond")
e1 = b.upload_blob(b"1")["etag"]
e2 = b.set_blob_metadata({"a": "2"})["etag"]
assert e1 != e2
b.set_http_headers(ContentSettings(content_type="text/x"))
assert b.get_blob_properties().content_settings.content_type == "text/x"
now = b.get_blob_properties()
fails(412, "ConditionNotMet", lambda: b.upload_blob(b"2", overwrite=True, etag=e1, match_condition=MatchConditions.IfNotModified))
b.upload_blob(b"3", overwrite=True, etag=now.etag, match_condition=MatchConditions.IfNotModified)
now = b.get_blob_properties()
fails(304, None, lambda: b.download_blob(etag=now.etag, match_condition=MatchConditions.IfModified))
fails(304, None, lambda: b.get_blob_properties(if_modified_since=NOW + HOUR))
fails(412, None, lambda: b.get_blob_properties(if_unmodified_since=NOW - HOUR))
fails(412, "ConditionNotMet", lambda: b.delete_blob(etag=e1, match_condition=MatchConditions.IfNotModified))
fails(404, "BlobNotFound", lambda: c.get_blob_client("nothing").download_blob())
assert not c.get_blob_client("nothing").exists()
spelled = c.get_blob_client("spelled")
spelled.upload_blob(b"x", metadata={"DepartmentCode": "news", "plain": "1"})
assert spelled.get_blob_properties().metadata == {"DepartmentCode": "news", "plain": "1"}
assert spelled.download_blob().properties.metadata == {"DepartmentCode": "news", "plain": "1"}
listed = [x.metadata for x in c.list_blobs(name_starts_with="spelled", include=["metadata"])]
assert listed == [{"DepartmentCode": "news", "plain": "1"}], listed
spelled.set_blob_metadata({"departmentCODE": "sport"})
assert spelled.get_blob_properties().metadata == {"departmentCODE": "sport"}
said("properties, metadata, conditions")

# --- listing
for n in ["dir/one", "dir/two", "dir/sub/three", "top"]:
    c.upload_blob("walk/" + n, b"x")
walked = [(type(x).__name__, x.name) for x in c.walk_blobs(name_starts_with="walk/", delimiter="/")]
assert walked == [("BlobPrefix", "walk/dir/"), ("BlobProperties", "walk/top")], walked
walked = [x.name for x in c.walk_blobs(name_starts_with="walk/dir/", delimiter="/")]
assert walked == ["walk/dir/one", "walk/dir/sub/", "walk/dir/two"] or sorted(walked) == sorted(["walk/dir/one", "walk/dir/sub/", "walk/dir/two"]), walked
pages = [[x.name for x in p] for p in c.list_blobs(name_starts_with="walk/", results_per_page=3).by_page()]
assert [len(p) for p in pages] == [3, 1], pages
pages = [[x.name for x in p] for p in c.walk_blobs(name_starts_with="walk/", results_per_page=1).by_page()]
assert [len(p) for p in pages] == [1, 1], pages
assert set(c.list_blob_names(name_starts_with="walk/dir")) == {"walk/dir/one", "walk/dir/two", "walk/dir/sub/three"}
x = next(iter(c.list_blobs(name_starts_with="blocks", include=["metadata", "copy", "snapshots"])))
assert x.size == 9 and x.blob_type == "BlockBlob" and x.etag and x.last_modified and x.creation_time
said("listing")

# --- snapshots and deletion
s = c.get_blob_client("snap")
s.upload_blob(b"old")
when = s.create_snapshot()["snapshot"]
s.upload_blob(b"new", overwrite=True)
old = BlobClient.from_connection_string(ARGS[0], name, "snap", snapshot=when)
assert old.download_blob().readall() == b"old" and s.download_blob().readall() == b"new"
assert {(x.name, x.snapshot) for x in c.list_blobs(name_starts_with="snap", include=["snapshots"])} == {("snap", when), ("snap", None)}
fails(409, "SnapshotsPresent", lambda: s.delete_blob())
s.delete_blob(delete_snapshots="only")
fails(404, "BlobNotFound", lambda: old.download_blob())
second = s.create_snapshot()["snapshot"]
BlobClient.from_connection_string(ARGS[0], name, "snap", snapshot=second).delete_blob()
s.create_snapshot()
s.delete_blob(delete_snapshots="include")
assert not s.exists()
said("snapshots and deletion")

# --- copies
src = c.get_blob_client("copy/söurce one")
src.upload_blob(b"content", metadata={"from": "source"}, content_settings=ContentSettings(content_type="audio/aac"))
dst = c.get_blob_client("copy/target")
r = dst.start_copy_from_url(src.url)
assert r["copy_id"] and r["copy_status"] in ("pending", "success"), r
for _ in range(100):
    p = dst.get_blob_properties()
    if p.copy.status != "pending":
        break
    assert p.size == 0
    try:
        # Whether the copy is still under way is a race; what is said if it is, is not.
        dst.start_copy_from_url(src.url)
    except HttpResponseError as e:
        assert (e.status_code, e.error_code) == (409, "PendingCopyOperation"), e
    time.sleep(0.1)
assert p.copy.status == "success" and p.copy.progress == "7/7" and p.copy.completion_time, p.copy
assert p.metadata == {"from": "source"} and p.content_settings.content_type == "audio/aac"
assert dst.download_blob().readall() == b"content"
if not AZURITE:
    again = c.get_blob_client("copy/aborted")
    r = again.start_copy_from_url(src.url, metadata={"own": "1"})
    if r["copy_status"] == "pending":
        again.abort_copy(r["copy_id"])
        p = again.get_blob_properties()
        assert p.copy.status == "aborted" and p.size == 0 and p.metadata == {"own": "1"}
        fails(409, "NoPendingCopyOperation", lambda: again.abort_copy(r["copy_id"]))
at_once = c.get_blob_client("copy/sync")
source_sas = generate_blob_sas(account, name, src.blob_name, account_key=key, permission="r", expiry=NOW + HOUR)
r = at_once.start_copy_from_url(src.url + "?" + source_sas, requires_sync=True)
assert r["copy_status"] == "success" and at_once.download_blob().readall() == b"content"
if not AZURITE:
    c.get_blob_client("copy/put").upload_blob_from_url(src.url + "?" + source_sas)
    assert c.get_blob_client("copy/put").download_blob().readall() == b"content"
fails(404, "CannotVerifyCopySource" if not AZURITE else None, lambda: dst.start_copy_from_url(c.get_blob_client("none").url))
fails(412, "SourceConditionNotMet" if not AZURITE else None, lambda: dst.start_copy_from_url(src.url, source_etag='"0x1"', source_match_condition=MatchConditions.IfNotModified))
said("copies")

# --- tiers
t = c.get_blob_client("tier")
t.upload_blob(b"x", standard_blob_tier=StandardBlobTier.COOL)
assert t.get_blob_properties().blob_tier == "Cool"
for tier in ["Hot", "Cold", "Cool", "Archive"]:
    t.set_standard_blob_tier(tier)
    assert t.get_blob_properties().blob_tier == tier
fails(409, "BlobArchived", lambda: t.download_blob())
t.set_standard_blob_tier("Hot", rehydrate_priority="High")
p = t.get_blob_properties()
if not AZURITE:
    assert (p.archive_status, p.blob_tier) == ("rehydrate-pending-to-hot", "Archive"), p
    for _ in range(100):
        p = t.get_blob_properties()
        if not p.archive_status:
            break
        time.sleep(0.1)
    assert p.blob_tier == "Hot" and t.download_blob().readall() == b"x"
said("tiers")

# --- ACL and anonymous reading
c.set_container_access_policy(signed_identifiers={"read": AccessPolicy(permission=ContainerSasPermissions(read=True, list=True), expiry=NOW + HOUR, start=NOW - HOUR)}, public_access=PublicAccess.BLOB)
acl = c.get_container_access_policy()
assert acl["public_access"] == "blob" and acl["signed_identifiers"][0].id == "read", acl
assert urllib.request.urlopen(src.url).read() == b"content"
anonymous = ContainerClient.from_container_url(c.url)
fails(401 if not AZURITE else 403, None, lambda: list(anonymous.list_blobs()))
assert anonymous.get_blob_client("cond").download_blob().readall() == b"3"
by_policy = ContainerClient.from_container_url(c.url + "?" + generate_container_sas(account, name, account_key=key, policy_id="read"))
assert "cond" in by_policy.list_blob_names()
fails(403, "AuthorizationPermissionMismatch", lambda: by_policy.upload_blob("no", b""))
c.set_container_access_policy(signed_identifiers={})
assert c.get_container_access_policy()["public_access"] is None
fails(401 if not AZURITE else 403, None, lambda: anonymous.get_blob_client("cond").download_blob())
fails(403, None, lambda: list(by_policy.list_blobs()))
said("ACL, stored policies, anonymous reading")

# --- SAS by account key
def by_sas(sas, blob="cond"):
    return BlobClient.from_blob_url(c.get_blob_client(blob).url, credential=sas)
r = generate_blob_sas(account, name, "cond", account_key=key, permission=BlobSasPermissions(read=True), expiry=NOW + HOUR, content_type="text/override", content_disposition="attachment")
assert by_sas(r).download_blob().readall() == b"3"
assert by_sas(r).get_blob_properties().content_settings.content_type == "text/override"
fails(403, "AuthorizationPermissionMismatch", lambda: by_sas(r).delete_blob())
fails(403, "AuthenticationFailed" if not AZURITE else None, lambda: by_sas(r, "tier").download_blob())
late = generate_blob_sas(account, name, "cond", account_key=key, permission="r", expiry=NOW - HOUR)
fails(403, "AuthenticationFailed" if not AZURITE else None, lambda: by_sas(late).download_blob())
early = generate_blob_sas(account, name, "cond", account_key=key, permission="r", start=NOW + HOUR, expiry=NOW + 2 * HOUR)
fails(403, "AuthenticationFailed" if not AZURITE else None, lambda: by_sas(early).download_blob())
new = generate_blob_sas(account, name, "cond", account_key=key, permission="c", expiry=NOW + HOUR)
fails(403, "AuthorizationPermissionMismatch", lambda: by_sas(new).upload_blob(b"4", overwrite=True))
cs = generate_container_sas(account, name, account_key=key, permission="rwl", expiry=NOW + HOUR)
container = ContainerClient.from_container_url(c.url, credential=cs)
assert "cond" in container.list_blob_names() and container.get_blob_client("cond").download_blob().readall() == b"3"
container.upload_blob("by container sas", b"5")
snap = c.get_blob_client("cond").create_snapshot()["snapshot"]
ss = generate_blob_sas(account, name, "cond", snapshot=snap, account_key=key, permission="r", expiry=NOW + HOUR)
assert BlobClient.from_blob_url(c.get_blob_client("cond").url, credential=ss, snapshot=snap).download_blob().readall() == b"3"
asas = generate_account_sas(account, key, ResourceTypes(service=True, container=True, object=True), AccountSasPermissions(read=True, write=True, list=True, create=True), NOW + HOUR)
whole = BlobServiceClient(service.url, credential=asas)
assert name in [x.name for x in whole.list_containers()]
whole.get_blob_client(name, "by account sas").upload_blob(b"6")
only_objects = BlobServiceClient(service.url, credential=generate_account_sas(account, key, ResourceTypes(object=True), AccountSasPermissions(read=True, list=True), NOW + HOUR))
fails(403, "AuthorizationResourceTypeMismatch", lambda: list(only_objects.list_containers()))
wrong = BlobServiceClient(service.url, credential={"account_name": account, "account_key": base64.b64encode(b"x" * 64).decode()})
fails(403, None, lambda: list(wrong.list_containers()))
said("SAS of accounts, containers, blobs, snapshots")

# --- bearer tokens and user delegation SAS
if len(ARGS) >= 3:
    os.environ["REQUESTS_CA_BUNDLE"] = ARGS[2]
    bearer = BlobServiceClient(ARGS[1], credential=FakeCredential())
    assert name in [x.name for x in bearer.list_containers()]
    udk = bearer.get_user_delegation_key(NOW - timedelta(minutes=5), NOW + HOUR)
    uds = generate_blob_sas(account, name, "cond", user_delegation_key=udk, permission="r", start=NOW - timedelta(minutes=5), expiry=NOW + HOUR)
    assert by_sas(uds).download_blob().readall() == b"3"
    udc = generate_container_sas(account, name, user_delegation_key=udk, permission="rl", expiry=NOW + HOUR)
    assert "cond" in ContainerClient.from_container_url(c.url, credential=udc).list_blob_names()
    tampered = uds.replace("sp=r", "sp=rw")
    fails(403, None, lambda: by_sas(tampered).download_blob())
    fails(403, "AuthenticationFailed" if not AZURITE else None, lambda: service.get_user_delegation_key(NOW, NOW + HOUR))
    d = generate_blob_sas(account, name, "walk/dir", is_directory=True, user_delegation_key=udk, permission="r", expiry=NOW + HOUR) if not AZURITE else None
    if d:
        assert by_sas(d, "walk/dir/sub/three").download_blob().readall() == b"x"
        fails(403, None, lambda: by_sas(d, "walk/top").download_blob())
    if not AZURITE:
        certain = generate_blob_sas(account, name, "cond", user_delegation_key=udk, permission="r", expiry=NOW + HOUR, request_headers={"x-show": "17", "x-step": "2"}, request_query_params={"timeout": "30"})
        assert by_sas(certain).download_blob(headers={"x-show": "17", "x-step": "2"}, timeout=30).readall() == b"3"
        fails(403, None, lambda: by_sas(certain).download_blob(headers={"x-show": "18", "x-step": "2"}, timeout=30))
    bearer.get_blob_client(name, "copy/söurce one").get_blob_properties()
    said("bearer tokens and user delegation SAS")

# --- across accounts
if len(ARGS) >= 4:
    other = BlobServiceClient.from_connection_string(ARGS[3])
    oc = other.create_container(name)
    o = oc.get_blob_client("arrived")
    fails(404, "CannotVerifyCopySource" if not AZURITE else None, lambda: o.start_copy_from_url(src.url))
    stale = generate_blob_sas(account, name, src.blob_name, account_key=key, permission="r", expiry=NOW - HOUR)
    fails(403, "CannotVerifyCopySource" if not AZURITE else None, lambda: o.start_copy_from_url(src.url + "?" + stale))
    o.start_copy_from_url(src.url + "?" + source_sas)
    while o.get_blob_properties().copy.status == "pending":
        time.sleep(0.1)
    assert o.download_blob().readall() == b"content"
    assert "sig=" not in o.get_blob_properties().copy.source
    oc.delete_container()
    said("copies across accounts")

# --- client request ids
b = c.get_blob_client("request-id")
headers = {}
hook = lambda response: headers.update(response.http_response.headers)
b.upload_blob(b"x", client_request_id='{"sagaId":"s-1"}', raw_response_hook=hook)
assert headers["x-ms-client-request-id"] == '{"sagaId":"s-1"}' and uuid.UUID(headers["x-ms-request-id"])
if not AZURITE:
    fails(400, "InvalidHeaderValue", lambda: b.upload_blob(b"x", overwrite=True, client_request_id="x" * 1025))
said("client request ids")

c.delete_container()
assert not c.exists()
print("all well")
