"""Microsoft's own client publishes requests to the local cloud, and the processor answers them.

Reads on standard input what `gridwich local --print json` printed. Ends with an error at the first surprise.
"""
import json
import sys
import urllib.request
import uuid

from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.eventgrid import EventGridEvent, EventGridPublisherClient, generate_sas

PLACES = json.load(sys.stdin)
REQUESTS, RESPONSES = PLACES["topics"]["requests"], PLACES["topics"]["responses"]


def request(container, context):
    return EventGridEvent(
        id=str(uuid.uuid4()),
        subject="/orders/4711",
        event_type="request.blob.container.create",
        data={"storageAccountName": "inbox", "containerName": container, "operationContext": context},
        data_version="1.0",
    )


def answers(context, until):
    """Event types of the answers that carry the context, up to the one that is waited for."""
    seen = []
    with urllib.request.urlopen(RESPONSES["watch"], timeout=30) as lines:
        for line in lines:
            event = json.loads(line)["event"]
            if event["data"].get("operationContext") == context:
                seen.append(event["eventType"])
                if event["eventType"] == until:
                    return seen


def refused(error, act):
    try:
        act()
    except error as refusal:
        return refusal
    raise AssertionError(f"{error.__name__} was expected")


client = EventGridPublisherClient(REQUESTS["endpoint"], AzureKeyCredential(REQUESTS["key"]))
context = {"client": "key", "n": [1, 2.5, None], "ü": "é"}
client.send(request("by-key", context))
assert answers(context, "response.blob.container.create.success") == [
    "response.acknowledge",
    "response.blob.container.create.success",
]

batch = [request(f"by-batch-{i}", {"client": "batch", "i": i}) for i in range(20)]
client.send(batch)
for i in range(20):
    assert answers({"client": "batch", "i": i}, "response.blob.container.create.success")

import datetime

later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
signature = generate_sas(REQUESTS["endpoint"], REQUESTS["key"], later)
signed = EventGridPublisherClient(REQUESTS["endpoint"], AzureSasCredential(signature))
signed.send(request("by-signature", {"client": "signature"}))
assert answers({"client": "signature"}, "response.blob.container.create.success")

stranger = EventGridPublisherClient(REQUESTS["endpoint"], AzureKeyCredential("bm90IHRoZSBrZXk="))
refused(ClientAuthenticationError, lambda: stranger.send(request("never", {})))
too_large = refused(HttpResponseError, lambda: client.send(request("never", {"x": "x" * 1_600_000})))
assert too_large.status_code == 413, too_large
print("azure-eventgrid: key, batch, signature and refusals as they should be")
