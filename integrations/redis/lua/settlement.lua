-- Ends a reservation: what was really used takes the place of the hold.

local SETTLED_STATUS, RELEASED_STATUS, DUPLICATE_STATUS, LATE_STATUS = 0, 1, 2, 3

-- What was used above the hold, or nil.
local function excess(actual, record)
  local overage
  for d = 1, 8 do
    local above = numbers[actual + d] - (record and record[AMOUNTS_AT + d] or 0)
    if above > 0 then
      overage = overage or zeros(8)
      overage[d] = above
    end
  end
  return overage
end

-- Appends the alerts that a booking raises; returns how many.
local function alertsIn(place, ref, actual)
  local base, list, stride = ref[BASE], ref[LIST], ref[STRIDE]
  if numbers[base + 5] == 0 then return 0 end
  local state, count, first = ref[OF][STATE], 0, numbers[base + 6]
  for at = ref[FIRST], ref[LAST], stride do
    local d, limit = list[at], list[at + 1]
    if stride == 5 then limit = list[list[at + 3] < 0 and at + 4 or at + 3] end
    if limit > 0 and state[SETTLED_AT + d] >= limit * first and numbers[actual + d] > 0 then
      count = count + rare.pushAlerts(place, ref, d, limit)
    end
  end
  return count
end

-- Books in one account and appends its alerts; returns how many. An account that is not there was erased, or the hold is unknown.
local function bookIn(place, ref, record, actual, overage)
  local account = ref[OF]
  local start
  if record then
    start = account[STATE] and stretchIn(record, account, place)
    if not start then return 0 end
    if record[PHASE] == IS_HELD then
      if account[KIND] ~= ROLLING and start == account[STATE][START] then
        minus(account[STATE], HELD_AT, record, AMOUNTS_AT)
        account[IS_CHANGED] = true
      else
        add(account, start, HELD, record, AMOUNTS_AT, -1)
      end
    elseif account[STATE][CHARGES] == 1 then
      add(account, start, UNCONFIRMED, record, AMOUNTS_AT, -1)
    end
    if not actual then return 0 end
  else
    if not account[STATE] then rare.openAccount(account) end
    if account[STATE][LIMITS_MARK] ~= numbers[ref[BASE] + 2] then
      rare.keepLimits(account, ref[BASE])
      rare.findQuiet(ref)
    end
    if account[KIND] == ROLLING then rare.openSlot(account) end
    start = account[SINCE]
  end
  add(account, start, SETTLED, numbers, actual, 1)
  if overage then add(account, start, OVERAGE, overage, 0, 1) end
  account[IS_SPENT] = true
  if account[KIND] ~= ROLLING and start ~= account[STATE][START] then return 0 end
  return alertsIn(place, ref, actual)
end

local function pushEnd(status, overage, at)
  push(status)
  push(overage and 1 or 0)
  if overage then pushAmounts(overage, at) end
end

-- Reads one settlement of the request, books it and appends its answer: status, overage, alerts. `turn` tells it from others.
-- Returns the record.
local function settleNext(refs, key, record, remember, turn)
  local actual, places = nextOptionalAmounts(), nextPlaces(refs)
  if record and record[PHASE] == HAS_ENDED then
    pushEnd(DUPLICATE_STATUS, record[RECORD_TAIL] and record, RECORD_TAIL - 1)
    push(0)
    return record
  end
  local isLive = record and record[EXPIRY] > now
  local status = not actual and RELEASED_STATUS or isLive and SETTLED_STATUS or LATE_STATUS
  local overage = actual and excess(actual, record)
  pushEnd(status, overage, 0)
  push(0)
  local countAt, count = size, 0
  if record or actual then
    for place = 1, #places do
      local ref = places[place]
      if ref[OF][TURN] ~= turn then
        ref[OF][TURN] = turn
        count = count + bookIn(place, ref, record, actual, overage)
      end
    end
  end
  answer[countAt] = count

  if record and record[PHASE] == IS_HELD then dropHold(key) end
  local ended, last = record or zeros(RECORD_TAIL - 1), RECORD_TAIL - 1
  ended[PHASE], ended[ACCOUNTS], ended[STATUS], ended[RECORD_TAIL] = HAS_ENDED, 0, status, nil
  if overage then
    for d = 1, 8 do ended[last + d] = overage[d] end
    last = last + 8
  end
  keepRecord(key, ended, last, '', remember)
  return ended
end
