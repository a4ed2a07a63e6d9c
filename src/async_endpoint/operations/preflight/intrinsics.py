"""The text of template values that depend on nothing but the account and the region."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


@dataclass(frozen=True)
class PseudoParameters:
    """The pseudo parameters: account and region of the stage."""

    account: str
    region: str
    partition: str = "aws"
    suffix: str = "amazonaws.com"

    @property
    def values(self) -> dict[str, str]:
        """The values by the names that templates use."""
        return {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": self.suffix,
        }


def text_of(value: Any, pseudo: PseudoParameters) -> str | None:
    """Returns the text that CloudFormation will use; None if only the deploy determines it."""
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
