-- Holds what a step may need in every account at once, or nothing anywhere.

-- -1 stands for all places of the request.
local function nextPlaces(refs)
  local places, n, at = {}, numbers, cursor + 1
  local count = n[at]
  cursor = at
  if count < 0 then return refs end
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

-- A record lives as long as what is held by it can count somewhere, should nobody look at this slot meanwhile.
local function holdInAll(places, ask, amounts, units, key, ttl, turn)
  local expiry, keys, count, life = now + ttl, {}, 0, ttl + REMEMBER_EXPIRED_MS
  local a1, a2, a3, a4, a5, a6, a7, a8 = unpack(amounts)
  local record = { IS_HELD, 0, ask, units, expiry, a1, a2, a3, a4, a5, a6, a7, a8 }
  for place = 1, #places do
    local account = places[place][OF]
    if account[TURN] ~= turn then
      account[TURN] = turn
      if account[KIND] == ROLLING then
        rare.openSlot(account)
        add(account, account[SINCE], HELD, amounts, 0, 1)
      else
        plus(account[STATE], HELD_AT, amounts, 0)
        account[IS_CHANGED] = true
      end
      record[RECORD_TAIL + 2 * count], record[RECORD_TAIL + 2 * count + 1] = account[STATE][BORN], account[SINCE]
      count = count + 1
      keys[count] = account[KEY]
      life = math.max(life, amply(account, endOfSums(account)) - now)
    end
  end
  record[ACCOUNTS], record.keys = count, table.concat(keys, '\n')
  keepRecord(key, record, RECORD_TAIL - 1 + 2 * count, record.keys, life)
  holdUntil(key, expiry, life)
  return record
end

-- Reads a reservation of the request and appends its answer: a grant with its amounts, or a shortfall. `turn` tells it from others.
-- Returns the record, or nil.
local function reserveNext(refs, key, record, turn)
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
    if state[LIMITS_MARK] ~= numbers[ref[BASE] + 2] then
      rare.keepLimits(account, ref[BASE])
      rare.findQuiet(ref)
    end
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
      record = holdInAll(places, number - 1, amounts, fitting, key, ttl, turn)
      pushGrant(record, false)
      return record
    end
    shortfall = fitting
  end
  push(0)
  for i = 1, 6 do push(shortfall[i]) end
  push(resetOf(places[shortfall[1]][OF]))
end
