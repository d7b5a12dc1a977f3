# Parses expositions with Python's prometheus_client: a JSON array of {"syntax", "body"} in, one of what it found, or of errors, out.
import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

PARSERS = {"openmetrics": parse_openmetrics, "text": parse_text}


def number(value):
    """JSON has neither infinities nor NaN."""
    return repr(float(value))


def exemplar(given):
    if given is None:
        return None
    return {"labels": given.labels, "value": number(given.value), "timestamp": number(given.timestamp)}


def sample(given):
    return {
        "name": given.name,
        "labels": given.labels,
        "value": number(given.value),
        "exemplar": exemplar(given.exemplar),
    }


def family(given):
    return {
        "name": given.name,
        "type": given.type,
        "unit": given.unit,
        "help": given.documentation,
        "samples": [sample(one) for one in given.samples],
    }


def parse(given):
    try:
        return {"families": [family(one) for one in PARSERS[given["syntax"]](given["body"])]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:2000]}


json.dump([parse(one) for one in json.load(sys.stdin)], sys.stdout)
