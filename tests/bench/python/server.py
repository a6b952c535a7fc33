"""What one would write in Python for the same job: FastAPI receives, Microsoft's client publishes. Measured by `make bench`.

python server.py PORT TOPIC KEY
"""
import sys
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from fastapi import FastAPI, Response
from pydantic import BaseModel, PositiveInt, ValidationError

PORT, TOPIC, KEY = sys.argv[1:]
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


class Event(BaseModel):
    id: str
    eventType: str
    subject: str
    dataVersion: str
    data: dict[str, Any]


class SignUrl(BaseModel):
    blobUri: str
    secToLive: PositiveInt
    operationContext: Any = None


def answer(event_type: str, request: Event, **data: Any) -> EventGridEvent:
    data["operationContext"] = request.data.get("operationContext")
    return EventGridEvent(subject=f"/{event_type}", event_type=event_type, data=data, data_version="1.0")


def acknowledgment(event: Event) -> EventGridEvent:
    return answer("response.acknowledge", event, eventType=event.eventType, eventId=event.id)


def sign_url(event: Event) -> EventGridEvent:
    try:
        request = SignUrl.model_validate(event.data)
    except ValidationError as error:
        return answer("response.failure", event, message=str(error))
    sas_url = f"{request.blobUri}?sp=r&se={request.secToLive}"
    return answer("response.blob.sas-url.success", event, sasUrl=sas_url)


def unsupported(event: Event) -> EventGridEvent:
    return answer("response.failure", event, message="nothing is configured for this")


HANDLERS = {
    ("request.blob.sas-url.create", "1"): sign_url,
    ("request.blob.copy", "1"): unsupported,
    ("request.blob.delete", "1"): unsupported,
    ("request.blob.tier.change", "1"): unsupported,
    ("request.blob.metadata.create", "1"): unsupported,
    ("request.blob.container.create", "1"): unsupported,
    ("request.blob.analysis.create", "1"): unsupported,
    ("request.encode.create", "1"): unsupported,
}


def handler_of(event: Event):
    return HANDLERS.get((event.eventType, event.dataVersion.split(".")[0]))


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with EventGridPublisherClient(TOPIC, AzureKeyCredential(KEY)) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/api/EventGrid")
async def receive(events: list[Event]):
    if events and events[0].eventType == VALIDATION:
        return {"validationResponse": events[0].data["validationCode"]}
    ours = [event for event in events if handler_of(event)]
    if ours:
        await app.state.client.send([acknowledgment(event) for event in ours])
        await app.state.client.send([handler_of(event)(event) for event in ours])
    return Response()


uvicorn.run(app, host="127.0.0.1", port=int(PORT), access_log=False, log_level="warning")
