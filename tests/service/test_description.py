"""The OpenAPI description: valid, and nothing that follows it is answered with a 5xx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis")
pytest.importorskip("torch")


def test_requests_by_the_description(final: Path) -> None:
    """Whatever follows the description, or nearly so: each answer is one that it names, of the
    form that it gives, and none is a 5xx."""
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    from caffe_mnist.service.answers import Model
    from caffe_mnist.service.application import Service, Settings
    from caffe_mnist.service.package import read_package

    service = Service(Model(read_package(final)), None, Settings())
    described = schemathesis.openapi.from_asgi("/openapi.json", service.application)
    asked: list[tuple[str, int]] = []
    for operation in (found.ok() for found in described.get_all_operations()):
        for mode in schemathesis.GenerationMode:

            @settings(
                max_examples=15,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                response = case.call()
                asked.append((case.path, response.status_code))
                assert response.status_code < 500
                # A text that the description allows is still no picture.
                case.validate_response(response, excluded_checks=[positive_data_acceptance])

            try:
                ask()
            except Unsatisfiable:
                continue  # nothing can be wrong about a request without parameters
    service.close()
    assert {path for path, _ in asked} == {
        "/", "/health", "/health/live", "/health/ready", "/info", "/metrics"
    }  # fmt: skip
    assert {200, 400} <= {status for _, status in asked}
