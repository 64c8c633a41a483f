ALTER TABLE elconsole.runs ADD COLUMN cancel_requested_at timestamptz,
                           ADD COLUMN cancel_requested_by text;
COMMENT ON COLUMN elconsole.runs.cancel_requested_at IS
  'When somebody asked the run to stop; NULL where nobody did.';
COMMENT ON COLUMN elconsole.runs.cancel_requested_by IS 'Who did: user@host.';
