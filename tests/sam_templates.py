"""Runs in the environment of the SAM CLI: validates templates, and prints what SAM makes of them.

`python sam_templates.py TEMPLATE...` prints a JSON object of templates by file name. AWS is not asked.
"""

import json
import sys
from pathlib import Path

from samcli.cli.main import cli  # type: ignore[import-not-found]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]
from samtranslator.translator.transform import transform  # type: ignore[import-not-found]


class NoManagedPolicies:
    """Templates name managed policies by ARN, so nobody has to ask AWS for them."""

    def load(self) -> dict[str, str]:
        return {}


translated = {}
for path in map(Path, sys.argv[1:]):
    template = yaml_parse(path.read_text())
    if "Transform" in template:
        cli(["validate", "--lint", "--template", str(path)], standalone_mode=False)
        template = transform(template, {}, NoManagedPolicies())
    translated[path.name] = template
sys.stdout.write(f"\n{json.dumps(translated)}\n")
