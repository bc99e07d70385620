"""The page's one style sheet, inlined so that the file stands alone: screen, dark screen, print."""

from typing import Final

STYLE: Final = """
:root{--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--paper:#fff;--wash:#f6f8fa;
--blue:#0072b2;--alert:#d55e00;--amber:#b37400;--green:#00734f;--grey:#8c959f}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--rule:#30363d;
--paper:#0d1117;
--wash:#161b22;--blue:#56b4e9;--alert:#ff8b3d;--amber:#e69f00;--green:#3fc797;--grey:#7d8590}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header,footer{max-width:920px;margin:0 auto;padding:0 20px}
header{padding-top:32px}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 4px}
h2{font-size:1.3rem;margin:40px 0 8px;padding-top:16px;border-top:2px solid var(--rule)}
h3{font-size:1rem;margin:24px 0 6px}
a{color:var(--blue)}
.lead{font-size:1.15rem;margin:8px 0}
.soft,footer,figcaption{color:var(--soft);font-size:.9rem}
.sentence{border-left:4px solid var(--alert);background:var(--wash);padding:10px 14px;margin:10px 0}
.sentence time{color:var(--soft);font-size:.85rem;display:block}
.facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin:12px 0;padding:0}
.facts div{min-width:110px}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:8px 0}
caption{text-align:left;color:var(--soft);padding-bottom:4px}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:600;color:var(--soft)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
code{font:0.85em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.badge{display:inline-block;border:1px solid currentColor;border-radius:3px;padding:0 6px;
font-size:.8rem;font-weight:600}
.critical,.high{color:var(--alert)}.medium{color:var(--amber)}.low{color:var(--soft)}
.good{color:var(--green);font-weight:600}
figure{margin:14px 0}
svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--grey);stroke-width:1}
.line{fill:none;stroke:var(--grey);stroke-width:1.5}
.line-0{stroke:var(--blue);stroke-width:2.5}
.line-1{stroke-dasharray:6 3}.line-2{stroke-dasharray:2 3}.line-3{stroke-dasharray:8 3 2 3}
.saved{fill:var(--green);fill-opacity:.25;stroke:none}
.mark line{stroke:var(--grey);stroke-width:1.25;stroke-dasharray:3 3}.mark path{fill:var(--grey)}
.mark-other line{stroke:var(--alert);stroke-width:1}.mark-other path{fill:var(--alert)}
.mark-alert line{stroke:var(--alert);stroke-width:2;stroke-dasharray:none}
.mark-alert path{fill:var(--alert)}.mark-alert text{fill:var(--alert);font-weight:600}
.bar{fill:var(--alert)}.bar-rest{fill:var(--rule)}
.key{display:inline-block;width:22px;height:0;border-top:3px solid var(--blue);
vertical-align:middle}
.key-saved{height:12px;border:0;background:var(--green);opacity:.35}
.key-other{border-top:2px dashed var(--grey)}
details{margin:10px 0}summary{cursor:pointer}
footer{margin-top:48px;padding-top:12px;padding-bottom:32px;border-top:1px solid var(--rule)}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--wash:#fff;--blue:#0072b2;--alert:#d55e00}
body{font-size:11pt}section{break-inside:avoid-page}h2{break-after:avoid}details{display:block}
a{color:inherit;text-decoration:none}}
"""
