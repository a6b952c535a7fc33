"""What Microsoft's own client sees of a container: `prepare` fills it, `see` prints what has become of it as JSON.

Reads a connection string on standard input.
"""
import json, sys, time

from azure.storage.blob import BlobServiceClient

service = BlobServiceClient.from_connection_string(sys.stdin.readline().strip(), retry_total=0)
container = service.get_container_client("seen")


def settled(blob):
    for _ in range(200):
        properties = blob.get_blob_properties()
        if properties.copy.status != "pending":
            return properties
        time.sleep(0.05)
    raise AssertionError("the copy does not end")


if sys.argv[1] == "prepare":
    container.create_container()
    for name in ["clip one.mp4", "größe #1.mp4", "gone.mp4"]:
        container.upload_blob(name, b"moving pictures", metadata={"Before": "yes"})
    container.get_blob_client("gone.mp4").create_snapshot()
else:
    blobs = {}
    for item in container.list_blobs():
        blob = container.get_blob_client(item.name)
        properties = settled(blob)
        blobs[item.name] = {
            "metadata": properties.metadata,
            "listed": next(b.metadata for b in container.list_blobs(include=["metadata"]) if b.name == item.name),
            "tier": properties.blob_tier,
            "copy": properties.copy.status,
            "content": blob.download_blob().readall().decode(),
        }
    print(json.dumps({
        "blobs": blobs,
        "snapshots": [b.name for b in container.list_blobs(include=["snapshots"]) if b.snapshot],
        "access": container.get_container_access_policy()["public_access"],
        "gone": service.get_container_client("short-lived").exists(),
        "made": service.get_container_client("made").exists(),
    }, sort_keys=True, ensure_ascii=False))
