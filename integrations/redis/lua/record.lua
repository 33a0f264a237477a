-- What is remembered of a reservation under its id: while it may still be settled, and for a while after. In three bytes
-- whether it is held, lapsed (overdue, and no longer held) or ended, and of how many accounts it tells; then doubles:
--   3 ask, 4 units, 5 expiry (until it has ended) or status, 6-13 amounts
--   ended, from 14: what was used above the hold, if anything was
--   else, from 14: for each of its accounts when it was born and the start of the stretch in which it is held
-- and at the end of those that have not ended the keys of the states of these accounts, a line each.

local PHASE, ACCOUNTS, ASK, UNITS, EXPIRY, STATUS, AMOUNTS_AT, RECORD_TAIL = 1, 2, 3, 4, 5, 5, 5, 14
local IS_HELD, HAS_LAPSED, HAS_ENDED = 0, 1, 2
local RECORD_FIXED = 91

-- How long a hold that expired is remembered, so that a late settlement finds the stretch in which it was made.
local REMEMBER_EXPIRED_MS = 86400000

local formats = {}
local function recordFormat(count)
  local format = formats[count] or '<BH' .. string.rep('d', count - 2)
  formats[count] = format
  return format
end

local function readRecord(packed)
  if not packed then return nil end
  local phase, low, high = string.byte(packed, 1, 3)
  local count = phase == HAS_ENDED and (#packed - 3) / 8 + 2 or RECORD_TAIL - 1 + 2 * (low + 256 * high)
  local record = { struct.unpack(recordFormat(count), packed) }
  record.keys, record[count + 1] = string.sub(packed, record[count + 1]), nil
  return record
end

-- What is to be written of records: key, value, life, and so on. Nothing is written before everything is known.
local recordWrites, recordCount = {}, 0

local function keepRecord(key, record, count, keys, forMs)
  local n = recordCount
  recordWrites[n + 1] = key
  recordWrites[n + 2] = struct.pack(recordFormat(count), unpack(record, 1, count)) .. keys
  recordWrites[n + 3] = string.format('%.0f', forMs)
  recordCount = n + 3
end

local function saveRecords()
  for n = 1, recordCount, 3 do
    redis.call('SET', recordWrites[n], recordWrites[n + 1], 'PX', recordWrites[n + 2])
  end
end

-- The start of the stretch in which a reservation is held in an account, or nil where it is not: it was erased since.
-- `place` is where the account most likely stands.
local function stretchIn(record, account, place)
  local born = account[STATE][BORN]
  local likely = RECORD_TAIL + 2 * (place - 1)
  if record[likely] == born then return record[likely + 1] end
  for at = RECORD_TAIL, #record, 2 do
    if record[at] == born then return record[at + 1] end
  end
  return nil
end
