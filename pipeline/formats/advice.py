"""Which download of a publisher is read, for people who have another one."""

from __future__ import annotations

EUROSTAT = "download TSV, SDMX-CSV 1.0 or 2.0, or JSON-stat from the data browser"
CBS = (
    "download 'CSV zonder statistische symbolen' from the StatLine page, or the zip of the whole "
    "table (https://datasets.cbs.nl/csv/CBS/nl/<table>)"
)
OECD = "download CSV from the Data Explorer, with codes (not with labels alone)"
UN = (
    "ask https://unstats.un.org/SDGAPI/v1/sdg/Series/Data?seriesCode=<code>&pageSize=20000 for JSON"
)
WHO = "ask https://ghoapi.azureedge.net/api/<code> for JSON"
