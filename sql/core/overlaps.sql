/*
description: Years that two files of one joined series both have, beside each other.
grain: [indicator_id, geo, year, alternative]
columns:
  indicator_id: VARCHAR, indicator whose series several files make up
  geo: VARCHAR, area
  year: INTEGER, reference year
  alternative: INTEGER, which file is compared with the preferred one that has the year (2 = second choice)
  preferred: DOUBLE, figure of the preferred file, which is used
  other: DOUBLE, figure of the file that is compared
  deviation: DOUBLE, relative difference (fraction of the preferred figure)
  agree: DOUBLE, largest relative difference that the registry allows
expectations:
  - {expect: no_rows, name: files_agree, severity: error, blocking: false, sql: "SELECT * FROM core.overlaps WHERE deviation IS NULL OR abs(deviation) > agree", description: Files that make up one series agree where they overlap; a difference is for a person to decide.}
*/
WITH cells AS (
  SELECT o.indicator_id, r.geo, r.year, o.alternative, o.scale * r.value AS value, o.agree
  FROM registry.operands o
  JOIN raw.observations r USING (source, dataset, series_key)
  WHERE o.agree IS NOT NULL AND (o.from_year IS NULL OR r.year >= o.from_year)
    AND NOT EXISTS (
      SELECT 1 FROM registry.not_read n
      WHERE n.indicator_id = o.indicator_id AND n.year = r.year AND (n.geo IS NULL OR n.geo = r.geo))
), numbered AS (
  SELECT *, first_value(value) OVER w AS preferred, row_number() OVER w AS choice
  FROM cells WINDOW w AS (PARTITION BY indicator_id, geo, year ORDER BY alternative)
)
SELECT indicator_id, geo, year, alternative, preferred, value AS other,
       -- Two zeros agree; from zero to something is no fraction.
       CASE WHEN value = preferred THEN 0 ELSE value / nullif(preferred, 0) - 1 END AS deviation, agree
FROM numbered WHERE choice > 1
