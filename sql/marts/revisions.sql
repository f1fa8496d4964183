/*
description: What each vintage changed - every observation that differs from the latest full vintage before it.
grain: [indicator_id, geo, period, vintage_id]
columns:
  indicator_id: VARCHAR, id in the registry
  geo: VARCHAR, area
  period: INTEGER, reference year
  vintage_id: VARCHAR, vintage that brought the change (several joined by + where they came on one day)
  vintage_before: VARCHAR, vintage that it is compared with
  known_from: DATE, date from which the change was known
  partial: BOOLEAN, true where the vintage is a partial one - compared here and read by no model
  kind: VARCHAR, new or revised or rebased (all values of the area moved by one factor) or withdrawn (no longer given)
  value_before: DOUBLE, value before in the unit of the indicator; null where it is new
  value_after: DOUBLE, value after; null where it is withdrawn
  change: DOUBLE, value_after minus value_before
  change_pct: DOUBLE, the same in % of the value before; null where that is 0
expectations:
  - {expect: in_set, column: kind, values: [new, revised, rebased, withdrawn], name: kind_known, description: The kind of change is known.}
  - {expect: no_rows, name: partial_withdraws_nothing, sql: "SELECT * FROM marts.revisions WHERE partial AND kind = 'withdrawn'", description: A partial vintage need not hold everything; it withdraws nothing.}
*/
-- An indicator made of two datasets has an edition for each arrival of either of them, the other
-- at its latest full vintage of that day. Its first figures revise nothing.
WITH seen AS (
  SELECT * FROM core.editions WHERE plausible
), editions AS (
  SELECT DISTINCT indicator_id, edition, brought_by, known_from, partial FROM seen
), pairs AS (
  SELECT a.*, b.edition AS edition_before, b.brought_by AS vintage_before
  FROM editions a
  JOIN editions b ON b.indicator_id = a.indicator_id AND NOT b.partial AND b.edition < a.edition
  QUALIFY row_number() OVER (
    PARTITION BY a.indicator_id, a.edition ORDER BY b.edition DESC) = 1
), old AS (
  SELECT p.edition AS edition_after, s.*
  FROM pairs p
  JOIN seen s ON s.indicator_id = p.indicator_id AND s.edition = p.edition_before
), new AS (
  SELECT s.* FROM seen s JOIN pairs p USING (indicator_id, edition)
), cells AS (
  SELECT coalesce(new.indicator_id, old.indicator_id) AS indicator_id,
         coalesce(new.edition, old.edition_after) AS edition,
         coalesce(new.geo, old.geo) AS geo, coalesce(new.period, old.period) AS period,
         old.value AS value_before, new.value AS value_after,
         new.alternative <> old.alternative AS other_way
  FROM new FULL JOIN old
    ON old.indicator_id = new.indicator_id AND old.edition_after = new.edition
   AND old.geo = new.geo AND old.period = new.period
), compared AS (
  SELECT c.*, p.brought_by, p.vintage_before, p.known_from, p.partial,
         value_after / nullif(value_before, 0) AS ratio
  FROM cells c JOIN pairs p USING (indicator_id, edition)
  WHERE NOT (p.partial AND (c.value_after IS NULL OR coalesce(c.other_way, false)))
), moved AS (
  SELECT *, count(ratio) OVER area AS n,
         min(ratio) OVER area AS least, max(ratio) OVER area AS most
  FROM compared
  WINDOW area AS (PARTITION BY indicator_id, edition, geo)
)
SELECT indicator_id, geo, period, brought_by AS vintage_id, vintage_before, known_from, partial,
       CASE WHEN value_before IS NULL THEN 'new'
            WHEN value_after IS NULL THEN 'withdrawn'
            -- Rounding apart one factor, and not one near 1.
            WHEN n >= k.rebased_points AND least > 0 AND most / least < k.rebased_alike
                 AND (least > k.rebased_up OR most < k.rebased_down) THEN 'rebased'
            ELSE 'revised' END AS kind,
       value_before, value_after, value_after - value_before AS change,
       100 * (value_after - value_before) / nullif(abs(value_before), 0) AS change_pct
FROM moved CROSS JOIN run.method k
WHERE value_before IS DISTINCT FROM value_after
