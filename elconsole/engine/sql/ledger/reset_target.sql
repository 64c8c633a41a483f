-- Without a watermark there is nothing to go on from.
DELETE FROM elconsole.watermarks WHERE target_id = %(target_id)s
