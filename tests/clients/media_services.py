"""Microsoft's own client encodes with the local Media Services.

Reads on standard input what `gridwich local --print json` printed. The container `inbox` of the account `inbox` must hold
`clip.mp4`. Ends with an error at the first surprise.
"""
import json
import os
import sys
import time

PLACES = json.load(sys.stdin)
os.environ["REQUESTS_CA_BUNDLE"] = PLACES["caFile"]

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.media import AzureMediaServices
from azure.mgmt.media import models as m

MEDIA = PLACES["media"][0]
GROUP, ACCOUNT = MEDIA["resourceGroup"], MEDIA["account"]


class AnyToken:
    def get_token(self, *scopes, **_):
        return AccessToken("any.development.token", int(time.time()) + 3600)


client = AzureMediaServices(AnyToken(), MEDIA["subscriptionId"], base_url=MEDIA["baseUrl"])


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
print("azure-mgmt-media: asset, transform and job as they should be")
