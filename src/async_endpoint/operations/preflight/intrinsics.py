"""Texts of a template whose intrinsic functions name nothing but the account and the region they go to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


@dataclass(frozen=True)
class Pseudo:
    """The pseudo parameters: where the stage is deployed to."""

    account: str
    region: str
    partition: str = "aws"
    suffix: str = "amazonaws.com"

    @property
    def values(self) -> dict[str, str]:
        """The parameters by the names that templates use."""
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self.suffix,
        }


def text_of(value: Any, pseudo: Pseudo) -> str | None:
    """The text that CloudFormation will see; None for one that only the deploy itself can tell."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return pseudo.values.get(name)
        case {"Fn::Sub": str(text)}:
            names = _VARIABLE.findall(text)
            if not set(names) <= pseudo.values.keys():
                return None
            return _VARIABLE.sub(lambda match: pseudo.values[match[1]], text)
        case {"Fn::Join": [delimiter, [*parts]]}:
            texts = [text_of(part, pseudo) for part in parts]
            return None if None in texts else delimiter.join(text for text in texts if text is not None)
        case _:
            return None
