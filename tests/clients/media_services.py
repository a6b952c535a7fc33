"""Microsoft's own client encodes and publishes with the local Media Services.

Reads on standard input what `gridwich local --print json` printed. The container `inbox` of the account `inbox` must hold
`clip.mp4`. Ends with an error at the first surprise.
"""
import base64
import time
import uuid
from urllib.parse import urljoin

import requests
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.media import models as m
from media_client import ACCOUNT, GROUP, PLACES, client


def refused(error, act):
    try:
        act()
    except error as refusal:
        return refusal
    raise AssertionError(f"{error.__name__} was expected")


source = client.assets.create_or_update(
    GROUP, ACCOUNT, "client-source", m.Asset(container="inbox", storage_account_name="inbox"))
target = client.assets.create_or_update(GROUP, ACCOUNT, "client-target", m.Asset(storage_account_name="proxy"))
assert source.container == "inbox" and target.container.startswith("asset-"), (source, target)
refused(ResourceNotFoundError, lambda: client.assets.get(GROUP, ACCOUNT, "nonesuch"))
refused(HttpResponseError, lambda: client.assets.create_or_update(GROUP, ACCOUNT, "bad.name", m.Asset()))

preset = m.BuiltInStandardEncoderPreset(preset_name="H264SingleBitrateSD")
transform = client.transforms.create_or_update(
    GROUP, ACCOUNT, "client-transform", m.Transform(outputs=[m.TransformOutput(preset=preset)]))
assert transform.outputs[0].preset.serialize() == preset.serialize()

correlation = {"operationContext": '{"sagaId":"s-1"}', "ü": "é"}
job = client.jobs.create(
    GROUP, ACCOUNT, "client-transform", "client-job",
    m.Job(
        input=m.JobInputAsset(asset_name="client-source", files=["clip.mp4"]),
        outputs=[m.JobOutputAsset(asset_name="client-target")],
        correlation_data=correlation,
    ))
assert job.state == "Queued" and job.correlation_data == correlation, job
refused(ResourceExistsError, lambda: client.jobs.create(GROUP, ACCOUNT, "client-transform", "client-job", job))
ends = time.time() + 60
while job.state not in ("Finished", "Error", "Canceled"):
    assert time.time() < ends, f"the job is still {job.state}"
    time.sleep(0.2)
    job = client.jobs.get(GROUP, ACCOUNT, "client-transform", "client-job")
assert job.state == "Finished", job.outputs[0].error
assert job.outputs[0].progress == 100 and job.correlation_data == correlation
assert [j.name for j in client.jobs.list(GROUP, ACCOUNT, "client-transform")] == ["client-job"]
client.jobs.delete(GROUP, ACCOUNT, "client-transform", "client-job")

times = m.PresentationTimeRange(start_timestamp=0, end_timestamp=20_000_000, timescale=10_000_000)
sound = m.FilterTrackSelection(track_selections=[
    m.FilterTrackPropertyCondition(property="Type", operation="Equal", value="Audio")])
client.asset_filters.create_or_update(
    GROUP, ACCOUNT, "client-target", "start", m.AssetFilter(presentation_time_range=times))
client.account_filters.create_or_update(GROUP, ACCOUNT, "sound", m.AccountFilter(tracks=[sound]))
kept = client.asset_filters.get(GROUP, ACCOUNT, "client-target", "start")
assert kept.presentation_time_range.serialize() == times.serialize(), kept
assert client.account_filters.get(GROUP, ACCOUNT, "sound").tracks[0].serialize() == sound.serialize()
assert [f.name for f in client.asset_filters.list(GROUP, ACCOUNT, "client-target")] == ["start"]
refused(ResourceNotFoundError, lambda: client.asset_filters.get(GROUP, ACCOUNT, "client-target", "nonesuch"))

secret = b"0123456789abcdef0123456789abcdef"
restriction = m.ContentKeyPolicyTokenRestriction(
    issuer="gridwich", audience="urn:drm", restriction_token_type="Jwt",
    primary_verification_key=m.ContentKeyPolicySymmetricTokenKey(key_value=bytearray(secret)),
    required_claims=[m.ContentKeyPolicyTokenClaim(claim_type="persistent", claim_value="none")])
option = m.ContentKeyPolicyOption(
    name="aes", configuration=m.ContentKeyPolicyClearKeyConfiguration(), restriction=restriction)
policy = client.content_key_policies.create_or_update(
    GROUP, ACCOUNT, "client-keys", m.ContentKeyPolicy(description="keys", options=[option]))
assert policy.options[0].restriction.primary_verification_key.key_value is None, policy
secrets = client.content_key_policies.get_policy_properties_with_secrets(GROUP, ACCOUNT, "client-keys")
assert secrets.options[0].restriction.primary_verification_key.key_value == secret, secrets
assert [p.name for p in client.content_key_policies.list(GROUP, ACCOUNT)] == ["client-keys"]

own = m.StreamingPolicy(no_encryption=m.NoEncryption(
    enabled_protocols=m.EnabledProtocols(download=True, dash=True, hls=True, smooth_streaming=False)))
client.streaming_policies.create(GROUP, ACCOUNT, "client-policy", own)
names = [p.name for p in client.streaming_policies.list(GROUP, ACCOUNT)]
assert "client-policy" in names and "Predefined_ClearKey" in names, names
other = m.StreamingPolicy(no_encryption=m.NoEncryption(
    enabled_protocols=m.EnabledProtocols(download=False, dash=True, hls=True, smooth_streaming=False)))
refused(ResourceExistsError, lambda: client.streaming_policies.create(GROUP, ACCOUNT, "client-policy", other))

endpoint = client.streaming_endpoints.get(GROUP, ACCOUNT, "default")
assert endpoint.resource_state == "Running" and f"https://{endpoint.host_name}" == PLACES["streaming"], endpoint
client.streaming_endpoints.begin_stop(GROUP, ACCOUNT, "default").result()
assert [e.resource_state for e in client.streaming_endpoints.list(GROUP, ACCOUNT)] == ["Stopped"]
client.streaming_endpoints.begin_start(GROUP, ACCOUNT, "default").result()


def located(name, **properties):
    return client.streaming_locators.create(
        GROUP, ACCOUNT, name, m.StreamingLocator(asset_name="client-target", **properties))


def fetched(path, **headers):
    answer = requests.get(f"https://{endpoint.host_name}{path}", headers=headers, timeout=30)
    answer.raise_for_status()
    return answer


clear = located("client-clear", streaming_policy_name="client-policy", filters=["start"])
refused(ResourceExistsError, lambda: located("client-clear", streaming_policy_name="Predefined_ClearStreamingOnly"))
refused(ResourceNotFoundError, lambda: located("new", streaming_policy_name="nonesuch"))
refused(HttpResponseError, lambda: located("new", streaming_policy_name="Predefined_MultiDrmStreaming"))
paths = client.streaming_locators.list_paths(GROUP, ACCOUNT, "client-clear")
hls, dash = (path.paths[0] for path in paths.streaming_paths)
assert fetched(hls + ".m3u8").text.startswith("#EXTM3U"), hls
assert 'mediaPresentationDuration="PT2.0' in fetched(dash + ".mpd").text, dash
film = next(path for path in paths.download_paths if path.endswith(".mp4"))
assert fetched(film, Range="bytes=4-7").content == b"ftyp"
locators = client.assets.list_streaming_locators(GROUP, ACCOUNT, "client-target").streaming_locators
assert [l.streaming_locator_id for l in locators] == [clear.streaming_locator_id]

located("client-aes", streaming_policy_name="Predefined_ClearKey", default_content_key_policy_name="client-keys")
(key,) = client.streaming_locators.list_content_keys(GROUP, ACCOUNT, "client-aes").content_keys
assert key.type == "EnvelopeEncryption" and key.policy_name == "client-keys" and key.value, key.id
(path,) = client.streaming_locators.list_paths(GROUP, ACCOUNT, "client-aes").streaming_paths
assert (path.streaming_protocol, path.encryption_scheme) == ("Hls", "EnvelopeEncryption"), path
master = fetched(path.paths[0])
playlist = requests.get(urljoin(master.url, master.text.splitlines()[-1]), timeout=30).text
delivery = playlist.split('METHOD=AES-128,URI="')[1].split('"')[0]
assert requests.get(urljoin(master.url, delivery), timeout=30).status_code == 401
client.streaming_locators.delete(GROUP, ACCOUNT, "client-aes")


# What the original makes: PlayReady and Widevine by CENC, FairPlay by CBCS, licences for bearers of a discovered service's tokens.
def enabled(**protocols):
    return m.EnabledProtocols(**{"download": False, "dash": True, "hls": False, "smooth_streaming": False, **protocols})


def keys_of(label):
    return m.StreamingPolicyContentKeys(default_key=m.DefaultKey(label=label))


def multi_drm(provider):
    url = {"custom_license_acquisition_url_template": provider} if provider else {}
    cenc = m.CommonEncryptionCenc(
        enabled_protocols=enabled(smooth_streaming=True), content_keys=keys_of("cencKeyDefault"),
        drm=m.CencDrmConfiguration(
            play_ready=m.StreamingPolicyPlayReadyConfiguration(**url),
            widevine=m.StreamingPolicyWidevineConfiguration(**url)))
    cbcs = m.CommonEncryptionCbcs(
        enabled_protocols=enabled(hls=True), content_keys=keys_of("cbcsKeyDefault"),
        drm=m.CbcsDrmConfiguration(
            fair_play=m.StreamingPolicyFairPlayConfiguration(allow_persistent_license=True, **url)))
    return m.StreamingPolicy(common_encryption_cenc=cenc, common_encryption_cbcs=cbcs)


discovered = m.ContentKeyPolicyTokenRestriction(
    issuer="gridwich", audience="urn:drm", restriction_token_type="Jwt", primary_verification_key=None,
    open_id_connect_discovery_document="https://tokens.example/.well-known/openid-configuration",
    required_claims=[m.ContentKeyPolicyTokenClaim(claim_type="urn:microsoft:azure:mediaservices:contentkeyidentifier")])
play_ready = m.ContentKeyPolicyPlayReadyConfiguration(licenses=[m.ContentKeyPolicyPlayReadyLicense(
    allow_test_devices=False, license_type="NonPersistent", content_type="Unspecified",
    content_key_location=m.ContentKeyPolicyPlayReadyContentEncryptionKeyFromHeader())])
fair_play = m.ContentKeyPolicyFairPlayConfiguration(
    ask=bytearray(16), fair_play_pfx="cGZ4", fair_play_pfx_password="password", rental_and_lease_key_type="Undefined",
    rental_duration=0)
options = [
    m.ContentKeyPolicyOption(configuration=configuration, restriction=discovered)
    for configuration in (play_ready, m.ContentKeyPolicyWidevineConfiguration(widevine_template="{}"), fair_play)]
shown = client.content_key_policies.create_or_update(
    GROUP, ACCOUNT, "client-drm-keys", m.ContentKeyPolicy(options=options))
assert shown.options[2].configuration.ask is None and shown.options[2].configuration.fair_play_pfx is None, shown
client.streaming_policies.create(GROUP, ACCOUNT, "client-no-provider", multi_drm(None))
drm = {"default_content_key_policy_name": "client-drm-keys"}
refusal = refused(HttpResponseError, lambda: located("new", streaming_policy_name="client-no-provider", **drm))
assert refusal.error.code == "ConfigurationUnsupported" and "customLicenseAcquisitionUrlTemplate" in str(refusal), refusal
client.streaming_policies.create(GROUP, ACCOUNT, "client-drm", multi_drm("https://licences.example/{ContentKeyId}"))
located("client-drm", streaming_policy_name="client-drm", **drm)
keys = client.streaming_locators.list_content_keys(GROUP, ACCOUNT, "client-drm").content_keys
assert [(k.type, k.label_reference_in_streaming_policy) for k in keys] == [
    ("CommonEncryptionCenc", "cencKeyDefault"), ("CommonEncryptionCbcs", "cbcsKeyDefault")], keys
paths = client.streaming_locators.list_paths(GROUP, ACCOUNT, "client-drm").streaming_paths
assert [(p.streaming_protocol, p.encryption_scheme) for p in paths] == [
    ("Dash", "CommonEncryptionCenc"), ("Hls", "CommonEncryptionCbcs"), ("Dash", "CommonEncryptionCbcs")], paths
assert f"https://licences.example/{keys[0].id}</dashif:Laurl>" in fetched(paths[0].paths[0] + ".mpd").text
assert "encryption=cbcs" in fetched(paths[1].paths[0] + ".m3u8").text
assert f'cenc:default_KID="{keys[1].id}"' in fetched(paths[2].paths[0] + ".mpd").text

cenc = m.CommonEncryptionCenc(enabled_protocols=enabled(), clear_key_encryption_configuration=m.ClearKeyEncryptionConfiguration())
client.streaming_policies.create(GROUP, ACCOUNT, "client-clear-key", m.StreamingPolicy(common_encryption_cenc=cenc))
located("client-ck", streaming_policy_name="client-clear-key", default_content_key_policy_name="client-keys")
(path,) = client.streaming_locators.list_paths(GROUP, ACCOUNT, "client-ck").streaming_paths
licence = fetched(path.paths[0]).text.split('licenseType="EME-1.0">')[1].split("<")[0]
assert requests.post(licence, json={"kids": [], "type": "temporary"}, timeout=30).status_code == 404
(key,) = client.streaming_locators.list_content_keys(GROUP, ACCOUNT, "client-ck").content_keys
kid = base64.urlsafe_b64encode(uuid.UUID(key.id).bytes).decode().rstrip("=")
assert requests.post(licence, json={"kids": [kid], "type": "temporary"}, timeout=30).status_code == 401
refusal = refused(HttpResponseError, lambda: list(client.live_events.list(GROUP, ACCOUNT)))
assert refusal.status_code == 501 and "not offered" in str(refusal), refusal
for name in ("client-drm", "client-ck"):
    client.streaming_locators.delete(GROUP, ACCOUNT, name)
for name in ("client-drm", "client-clear-key", "client-no-provider"):
    client.streaming_policies.delete(GROUP, ACCOUNT, name)
client.content_key_policies.delete(GROUP, ACCOUNT, "client-drm-keys")
client.content_key_policies.delete(GROUP, ACCOUNT, "client-keys")
client.streaming_locators.delete(GROUP, ACCOUNT, "client-clear")
client.streaming_policies.delete(GROUP, ACCOUNT, "client-policy")
assert list(client.streaming_locators.list(GROUP, ACCOUNT)) == []
print("azure-mgmt-media: asset, transform, job and publication as they should be")
