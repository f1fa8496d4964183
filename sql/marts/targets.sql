/*
description: Every target of the letter, and targets of law or plan with their own source.
grain: [target_id]
columns:
  target_id: VARCHAR, id
  mission_id: VARCHAR, mission that it belongs to
  kind: VARCHAR, level or change or gain or direction or milestone
  year: INTEGER, year by which
  number: DOUBLE, the number (a fraction for changes; -0.55 is minus 55 %)
  unit: VARCHAR, unit of the number
  strength: VARCHAR, commitment or ambition or exploratory or law or plan
  source: VARCHAR, document that sets it
  base_year: INTEGER, base year that the document names
  letter_text: VARCHAR, the document's words
  milestone_state: VARCHAR, met or open or overdue (entered by a person)
  milestone_source: VARCHAR, source of that state
  milestone_date: VARCHAR, date of that state
expectations:
  - {expect: in_set, column: kind, values: [level, change, gain, direction, milestone], name: kind_known, description: The kind is known.}
  - {expect: no_rows, name: number_where_due, sql: "SELECT * FROM marts.targets WHERE kind IN ('level', 'change', 'gain') AND number IS NULL", description: A target with a number has it.}
  - {expect: no_rows, name: seventeen_numbers, sql: "SELECT count(*) AS n FROM marts.targets WHERE strength NOT IN ('law', 'plan') AND number IS NOT NULL HAVING count(*) <> 17", description: "The letter's 17 numbers are all there."}
*/
SELECT target_id, mission_id, kind, year, number, unit, strength, source, base_year, letter_text,
       milestone_state, milestone_source, milestone_date
FROM registry.targets
