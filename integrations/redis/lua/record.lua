-- What is remembered of a reservation under its id: while it may still be settled, and for a while after. A byte, then doubles:
--   1 whether it has ended, 2 ask, 3 units, 4 expiry (live) or status (ended), 5-12 amounts
--   live, from 13: for each of its accounts when it was born and the start of the stretch in which it is held
--   ended, from 13: what was used above the hold, if anything was

local ENDED, ASK, UNITS, EXPIRY, STATUS, AMOUNTS_AT, RECORD_TAIL = 1, 2, 3, 4, 4, 4, 13

local formats = {}
local function recordFormat(count)
  local format = formats[count] or '<B' .. string.rep('d', count - 1)
  formats[count] = format
  return format
end

local function readRecord(packed)
  if not packed then return nil end
  local count = (#packed - 1) / 8 + 1
  local record = { struct.unpack(recordFormat(count), packed) }
  record[count + 1] = nil
  return record
end

-- What is to be written of records: key, value, life, and so on. Nothing is written before everything is known.
local recordWrites, recordCount = {}, 0

local function keepRecord(key, record, count, forMs)
  local n = recordCount
  recordWrites[n + 1] = key
  recordWrites[n + 2] = struct.pack(recordFormat(count), unpack(record, 1, count))
  recordWrites[n + 3] = string.format('%.0f', forMs)
  recordCount = n + 3
end

local function saveRecords()
  for n = 1, recordCount, 3 do
    redis.call('SET', recordWrites[n], recordWrites[n + 1], 'PX', recordWrites[n + 2])
  end
end

-- The start of the stretch in which a live reservation is held in an account, or nil where it is not: it was erased since.
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
