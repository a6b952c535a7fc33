"""Uploads a file to the account `inbox`: upload.py CONTAINER NAME FILE, with what `--print json` printed on standard input."""
import json
import sys

from azure.storage.blob import BlobServiceClient

container, name, file = sys.argv[1:]
connection = json.load(sys.stdin)["storage"][0]["connectionString"]
with open(file, "rb") as content:
    BlobServiceClient.from_connection_string(connection).get_blob_client(container, name).upload_blob(content)
