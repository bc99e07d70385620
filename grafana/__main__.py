"""`python -m grafana`: write every generated file below this directory."""

from grafana.files import ROOT, files

for path, text in files().items():
    (ROOT / path).write_text(text, encoding="utf-8")
