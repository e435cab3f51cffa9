"""The OpenAPI description of the service."""

from __future__ import annotations

from typing import Any

import caffe_mnist

ERRORS = {
    "400": "A broken picture, a missing one, or a form that cannot be read.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from a page of another site.",
    "408": "The request took too long to arrive.",
    "413": "The request, its pictures or their number are too large.",
    "415": "Neither a form nor JSON.",
    "429": "Too many requests are waiting; try again after Retry-After seconds.",
    "503": "The model is being loaded; try again after Retry-After seconds.",
    "504": "No answer within the time limit.",
}


def describe(labels: tuple[str, ...], token: bool) -> dict[str, Any]:
    """OpenAPI 3.1 for a model with these classes."""
    answer = {"$ref": "#/components/schemas/Answer"}
    failure = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    denied = {"401": {"description": ERRORS["401"], **failure}} if token else {}
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    page = {"content": {"text/html": {"schema": {"type": "string"}}}}
    plain = {"content": {"application/json": {"schema": {"type": "object"}}}}
    security: list[dict[str, list[str]]] = [{"token": []}] if token else []
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "caffe-mnist service",
            "version": caffe_mnist.__version__,
            "description": "Recognises pictures with a Caffe model.",
        },
        "paths": {
            "/": {
                "post": {
                    "operationId": "predict",
                    "summary": "What the net sees in pictures",
                    "security": security,
                    "parameters": [_invert(), _view()],
                    "requestBody": {"required": True, "content": _question()},
                    "responses": {
                        "200": {
                            "description": "One answer, or a list of them for several pictures.",
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "oneOf": [answer, {"type": "array", "items": answer}]
                                    }
                                }
                            },
                        },
                        **{
                            status: {"description": words, **failure}
                            for status, words in ERRORS.items()
                            if token or status != "401"
                        },
                    },
                },
                "get": {
                    "operationId": "page",
                    "summary": "A page to draw or drop a picture",
                    "responses": {"200": {"description": "HTML.", **page}},
                },
            },
            "/health": _health("health", "Whether requests may come", plain, True),
            "/health/live": _health("live", "Whether the service runs", plain, False),
            "/health/ready": _health("ready", "Whether requests may come", plain, True),
            "/info": {
                "get": {
                    "operationId": "info",
                    "summary": "What the net takes and which classes it knows",
                    "security": security,
                    "responses": {
                        "200": {"description": "The model.", **plain},
                        "503": {"description": ERRORS["503"], **failure},
                        **denied,
                    },
                }
            },
            "/metrics": {
                "get": {
                    "operationId": "metrics",
                    "summary": "Counters for Prometheus",
                    "security": security,
                    "responses": {"200": {"description": "Text.", **text}, **denied},
                }
            },
        },
        "components": {
            "schemas": {"Answer": _answer(labels), "Error": _error()},
            **(
                {
                    "securitySchemes": {
                        "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}
                    }
                }
                if token
                else {}
            ),
        },
    }


def _health(name: str, words: str, content: dict[str, Any], may_wait: bool) -> dict[str, Any]:
    responses = {"200": {"description": "Yes.", **content}}
    if may_wait:
        responses["503"] = {"description": "Not yet, or not any more.", **content}
    return {"get": {"operationId": name, "summary": words, "responses": responses}}


def _invert() -> dict[str, Any]:
    return {
        "name": "invert",
        "in": "query",
        "description": "Turn pictures to their negative: for black on white. auto: if it is light.",
        "schema": {"type": "string", "enum": ["0", "1", "auto"], "default": "0"},
    }


def _view() -> dict[str, Any]:
    return {
        "name": "view",
        "in": "query",
        "description": "1: also give what the net saw, as a PNG in a data: URL.",
        "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
    }


def _question() -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "image/png"}
    text = {"type": "string", "contentEncoding": "base64"}
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {"images": file},
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {"images": {"oneOf": [text, {"type": "array", "items": text}]}},
            }
        },
    }


def _answer(labels: tuple[str, ...]) -> dict[str, Any]:
    pair = {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "number"}],
        "minItems": 2,
        "maxItems": 2,
    }
    known = {"enum": list(labels)} if len(labels) <= 100 else {}
    return {
        "type": "object",
        "required": ["predicted_label", "scores"],
        "properties": {
            "predicted_label": {"type": "string", **known},
            "scores": {"type": "array", "items": pair, "minItems": 1, "maxItems": 5},
            "file": {"type": "string"},
            "view": {"type": "string"},
            "inverted": {"type": "boolean"},
        },
    }


def _error() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["error_code", "error_msg"],
        "properties": {"error_code": {"type": "string"}, "error_msg": {"type": "string"}},
    }
