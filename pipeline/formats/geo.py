"""Publishers' area codes as Eurostat's. An unknown code stays as it is: nothing is dropped."""

from __future__ import annotations

# ISO 3166 alpha-3, numeric (M49), Eurostat's code.
_AREAS = """
AUT 40 AT;BEL 56 BE;BGR 100 BG;HRV 191 HR;CYP 196 CY;CZE 203 CZ;DNK 208 DK;EST 233 EE;FIN 246 FI;
FRA 250 FR;DEU 276 DE;GRC 300 EL;HUN 348 HU;IRL 372 IE;ITA 380 IT;LVA 428 LV;LTU 440 LT;LUX 442 LU;
MLT 470 MT;NLD 528 NL;POL 616 PL;PRT 620 PT;ROU 642 RO;SVK 703 SK;SVN 705 SI;ESP 724 ES;SWE 752 SE;
GBR 826 UK;NOR 578 NO;CHE 756 CH;ISL 352 IS;LIE 438 LI;TUR 792 TR;USA 840 US;
WLD 1 WORLD
"""
_ROWS = [row.split() for row in _AREAS.replace("\n", "").split(";")]
FROM_ISO3 = {iso3: code for iso3, _, code in _ROWS} | {
    "OWID_WRL": "WORLD", "OWID_EU27": "EU27_2020", "EU27_2020": "EU27_2020", "EU27": "EU27_2020",
}  # fmt: skip
FROM_M49 = {m49: code for _, m49, code in _ROWS}
TO_ISO3 = {code: iso3 for iso3, _, code in _ROWS}
TO_M49 = {code: m49 for m49, code in FROM_M49.items()}
FROM_ISO2 = {"GR": "EL", "GB": "UK", "1W": "WORLD", "EU": "EU27_2020", "EUU": "EU27_2020"}
