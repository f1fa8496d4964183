/*
description: Each dataset - the vintage in use, its age, and a newer one that waits in quarantine.
grain: [source, dataset]
columns:
  source: VARCHAR, publisher's id
  dataset: VARCHAR, dataset's code
  title: VARCHAR, what it is about
  publisher: VARCHAR, publisher
  vintage_id: VARCHAR, content hash of the vintage in use; null if there is none
  known_from: DATE, date from which its figures were known
  known_from_basis: VARCHAR, what that date is (published or collected or bundled or retrieved)
  scope: VARCHAR, what the vintage declares to hold
  scope_nl: VARCHAR, the same in Dutch
  origin: VARCHAR, live or bundled or ingested
  verdict: VARCHAR, accepted or quarantined or withdrawn (of the vintage in use; else of the newest)
  reason: VARCHAR, why the newest was quarantined or withdrawn where none is in use; who accepted the one in use and why, where a person did
  reason_nl: VARCHAR, the same in Dutch; what a parser or a publisher said stays English, in “ ”
  age_days: INTEGER, days from known_from to the reference date
  n_vintages: INTEGER, vintages known at the reference date
  pending: VARCHAR, a newer vintage that was quarantined and why
  pending_nl: VARCHAR, the same in Dutch
  withdrawn: VARCHAR, the newest vintage that a person took out of use, who and why
  withdrawn_nl: VARCHAR, the same in Dutch
  licence: VARCHAR, licence
  citation: VARCHAR, how to cite it
  found_in: VARCHAR, where the bytes come from
  waits_for_pull: BOOLEAN, true where no vintage ships with the project and none has been pulled yet
  landing_url: VARCHAR, the publisher's page for people (of the dataset, else the publisher's own); null where the figures are several publishers'
expectations:
  - {expect: no_rows, name: every_dataset_present, sql: "SELECT d.source, d.dataset FROM registry.datasets d ANTI JOIN marts.source_status s USING (source, dataset)", description: Every dataset of the registry has its row.}
  - {expect: no_rows, name: in_use, severity: error, blocking: false, sql: "SELECT source, dataset, reason FROM marts.source_status WHERE vintage_id IS NULL AND NOT waits_for_pull", description: Every dataset has an accepted vintage or waits for the first pull.}
  - {expect: no_rows, name: none_pending, severity: error, blocking: false, sql: "SELECT source, dataset, pending FROM marts.source_status WHERE pending IS NOT NULL", description: No dataset waits on an older vintage because a newer one was quarantined.}
*/
WITH used AS (
  SELECT * FROM raw.vintages WHERE is_current
), newest AS (
  SELECT * FROM raw.vintages WHERE NOT partial
  QUALIFY row_number() OVER (PARTITION BY source, dataset ORDER BY position DESC) = 1
), total AS (
  SELECT source, dataset, count(*) AS n_vintages FROM raw.vintages GROUP BY ALL
), waiting AS (
  SELECT source, dataset, q.vintage_id || ': ' || q.reason AS pending,
         q.vintage_id || ': ' || q.reason_nl AS pending_nl
  FROM raw.vintages q JOIN used USING (source, dataset)
  WHERE q.waits
), taken_back AS (
  SELECT source, dataset, vintage_id || ': ' || reason AS withdrawn,
         vintage_id || ': ' || reason_nl AS withdrawn_nl
  FROM raw.vintages WHERE verdict = 'withdrawn'
  QUALIFY row_number() OVER (PARTITION BY source, dataset ORDER BY position DESC) = 1
)
SELECT d.source, d.dataset, d.title, d.publisher, u.vintage_id, u.known_from::DATE AS known_from,
       u.known_from_basis, coalesce(u.scope, w.scope) AS scope,
       coalesce(u.scope_nl, w.scope_nl) AS scope_nl, coalesce(u.origin, w.origin) AS origin,
       coalesce(u.verdict, w.verdict) AS verdict,
       CASE WHEN u.vintage_id IS NULL THEN coalesce(w.reason, CASE WHEN d.live_only THEN 'not pulled yet' ELSE 'no vintage known at this date' END)
            ELSE nullif(u.reason, '') END AS reason,
       CASE WHEN u.vintage_id IS NULL THEN coalesce(w.reason_nl, CASE WHEN d.live_only THEN 'nog niet opgehaald' ELSE 'op deze datum is geen editie bekend' END)
            ELSE nullif(u.reason_nl, '') END AS reason_nl,
       (r.reference_date - u.known_from::DATE)::INTEGER AS age_days,
       coalesce(t.n_vintages, 0)::INTEGER AS n_vintages, b.pending, b.pending_nl, k.withdrawn, k.withdrawn_nl,
       d.licence, d.citation,
       coalesce(u.found_in, w.found_in) AS found_in,
       d.live_only AND t.n_vintages IS NULL AS waits_for_pull, d.landing_url
FROM registry.datasets d
CROSS JOIN run.reference r
LEFT JOIN used u USING (source, dataset)
LEFT JOIN newest w USING (source, dataset)
LEFT JOIN total t USING (source, dataset)
LEFT JOIN waiting b USING (source, dataset)
LEFT JOIN taken_back k USING (source, dataset)
