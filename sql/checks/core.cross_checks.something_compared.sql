SELECT 'cbs_sectors_against_eurostat_total' AS name
WHERE EXISTS (SELECT 1 FROM core.observations WHERE indicator_id = 'ghg_net_total')
  AND EXISTS (SELECT 1 FROM core.observations WHERE indicator_id = 'ghg_national_sectors')
  AND NOT EXISTS (
    SELECT 1 FROM core.cross_checks WHERE name = 'cbs_sectors_against_eurostat_total')
