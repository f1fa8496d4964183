/*
description: The 30 missions, sub-missions and interim goals of the letter.
grain: [mission_id]
columns:
  mission_id: VARCHAR, id (parts joined by dots)
  parent_id: VARCHAR, mission or sub-mission that it belongs to
  level: VARCHAR, mission or sub_mission or interim_goal
  position: INTEGER, place in the letter
  title_nl: VARCHAR, title in Dutch
  title_en: VARCHAR, title in English
  short_nl: VARCHAR, short title in Dutch
  short_en: VARCHAR, short title in English
  letter_text: VARCHAR, the letter's words
  gap_nl: VARCHAR, what would make the row measurable while it cannot be assessed (Dutch)
  gap_en: VARCHAR, the same in English
expectations:
  - {expect: rows, value: 30, name: thirty_rows, description: Every mission of the letter is there.}
  - {expect: in_set, column: level, values: [mission, sub_mission, interim_goal], name: level_known, description: The level is known.}
  - {expect: not_null, column: letter_text, name: letter_text_given, description: "Every row has the letter's words."}
*/
SELECT mission_id, parent_id, level, position, title_nl, title_en, short_nl, short_en, letter_text,
       gap_nl, gap_en
FROM registry.missions
