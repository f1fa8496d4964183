/*
description: Every check of this release with what it saw.
grain: [asset, expectation]
columns:
  asset: VARCHAR, dataset or table that was checked
  expectation: VARCHAR, name of the check
  description: VARCHAR, what holds when it passes
  passed: BOOLEAN, true where it passed
  severity: VARCHAR, error or warn
  blocking: BOOLEAN, true where a failure stops publication
  observed: VARCHAR, what was seen
  failing_rows: BIGINT, number of failing rows
  example: VARCHAR, the first of them as JSON
*/
SELECT asset, name AS expectation, description, passed, severity, blocking, observed, failing_rows, example
FROM checks.results
