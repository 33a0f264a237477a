-- Holds what a step may need in every account at once, or nothing anywhere.

local function nextPlaces(refs)
  local places, n, at = {}, numbers, cursor + 1
  local count = n[at]
  for i = 1, count do places[i] = refs[n[at + i]] end
  cursor = at + count
  return places
end

local function pushGrant(record, isReplay)
  push(1)
  push(record[ASK])
  push(record[UNITS])
  pushAmounts(record, AMOUNTS_AT)
  push(isReplay and 1 or 0)
end

local function holdInAll(places, ask, amounts, units, key, name, ttl, turn)
  local expiry = now + ttl
  local a1, a2, a3, a4, a5, a6, a7, a8 = unpack(amounts)
  local record = { 0, ask, units, expiry, a1, a2, a3, a4, a5, a6, a7, a8 }
  local packed = name .. struct.pack('<ddddddddd', expiry, a1, a2, a3, a4, a5, a6, a7, a8)
  local last = 12
  for place = 1, #places do
    local account = places[place][OF]
    if account[TURN] ~= turn then
      account[TURN] = turn
      putHold(account, packed, amounts, expiry, ttl)
      record[last + 1], record[last + 2] = account[STATE][BORN], account[SINCE]
      last = last + 2
    end
  end
  keepRecord(key, record, last, ttl + REMEMBER_EXPIRED_MS)
  return record
end

-- Reads a reservation of the request and appends its answer: a grant with its amounts, or a shortfall. `turn` tells it from others.
-- Returns the record, or nil.
local function reserveNext(refs, key, name, record, turn)
  local ttl, places, asks = nextNumber(), nextPlaces(refs), {}
  for i = 1, nextNumber() do asks[i] = nextAsk() end

  if record then
    pushGrant(record, true)
    return record
  end

  for place = 1, #places do
    local ref = places[place]
    local account = ref[OF]
    if not account[STATE] then rare.openAccount(account) end
    local state = account[STATE]
    if state[LIMITS_MARK] ~= numbers[ref[BASE] + 2] then rare.keepLimits(account, ref[BASE]) end
    if state[CHARGES] ~= account[POLICY] then state[CHARGES], account[IS_CHANGED] = account[POLICY], true end
  end
  local open, closing, shortfall
  for number = 1, #asks do
    local ask, room = asks[number], nil
    if ask.isClosing then
      closing = closing or roomsIn(places, true)
      room = closing
    else
      open = open or roomsIn(places, false)
      room = open
    end
    local amounts, fitting = fit(ask, places, room)
    if amounts then
      record = holdInAll(places, number - 1, amounts, fitting, key, name, ttl, turn)
      pushGrant(record, false)
      return record
    end
    shortfall = fitting
  end
  push(0)
  for i = 1, 6 do push(shortfall[i]) end
  push(resetOf(places[shortfall[1]][OF]))
end
