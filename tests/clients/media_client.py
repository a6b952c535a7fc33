"""Microsoft's own client of Media Services, pointed at a local cloud. Asks for nothing itself.

Reads on standard input what `gridwich local --print json` printed.
"""
import json
import os
import sys
import time

PLACES = json.load(sys.stdin)
os.environ["REQUESTS_CA_BUNDLE"] = PLACES["caFile"]

from azure.core.credentials import AccessToken
from azure.mgmt.media import AzureMediaServices

MEDIA = PLACES["media"][0]
GROUP, ACCOUNT = MEDIA["resourceGroup"], MEDIA["account"]


class AnyToken:
    def get_token(self, *scopes, **_):
        return AccessToken("any.development.token", int(time.time()) + 3600)


client = AzureMediaServices(AnyToken(), MEDIA["subscriptionId"], base_url=MEDIA["baseUrl"])
