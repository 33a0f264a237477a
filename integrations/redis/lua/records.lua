-- What is remembered of a reservation under its id, flat and packed: while it may still be settled, and for a while after.
--   1 whether it has ended, 2 ask, 3 units, 4 expiry (live) or status (ended), 5-12 amounts
--   live, from 13: for each of its accounts when it was born and the start of the stretch in which it is held
--   ended, from 13: what was used above the hold, if anything was

local ENDED, ASK, UNITS, EXPIRY, STATUS, AMOUNTS_AT, TAIL = 1, 2, 3, 4, 4, 4, 13

local function loadRecord(key)
  local packed = redis.call('GET', key)
  return packed and { cmsgpack.unpack(packed) } or nil
end

local function saveRecord(key, record, forMs)
  redis.call('SET', key, cmsgpack.pack(unpack(record)), 'PX', string.format('%.0f', forMs))
end

-- The start of the stretch in which a live reservation is held in an account, or nil where it is not: it was erased since.
local function stretchIn(record, account)
  if not account.data then return nil end
  local born = account.data[BORN]
  for place = TAIL, #record, 2 do
    if record[place] == born then return record[place + 1] end
  end
  return nil
end
