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
  if ref.alerts == 0 then return 0 end
  local list, state, count, first = ref.list, ref.account.state, 0, numbers[ref.alertsAt + 1]
  for at = ref.at + 1, ref.at + 5 * ref.count, 5 do
    local d, limit = list[at], list[at + 3]
    if limit < 0 then limit = list[at + 4] end
    if limit > 0 and state[SETTLED_AT + d] >= limit * first and numbers[actual + d] > 0 then
      count = count + rare.pushAlerts(place, ref, d, limit)
    end
  end
  return count
end

-- Books in one account and appends its alerts; returns how many. An account that is not there was erased, or the hold is unknown.
local function bookIn(place, ref, record, isLive, name, actual, overage)
  local account = ref.account
  local start
  if record then
    start = account.state and stretchIn(record, account, place)
    if not start then return 0 end
    if isLive then
      dropHold(account, name, record, start)
      add(account, start, HELD, record, AMOUNTS_AT, -1)
    elseif account.state[CHARGES] == 1 then
      add(account, start, UNCONFIRMED, record, AMOUNTS_AT, -1)
    end
    if not actual then return 0 end
  else
    if not account.state then rare.openAccount(account) end
    if account.state[LIMITS_MARK] ~= ref.mark then rare.keepLimits(account, ref.mark, ref.countSent, ref.atSent) end
    if account.kind == ROLLING then rare.openSlot(account) end
    start = account.start
  end
  add(account, start, SETTLED, numbers, actual, 1)
  if overage then add(account, start, OVERAGE, overage, 0, 1) end
  account.isSpent = true
  if account.kind ~= ROLLING and start ~= account.state[START] then return 0 end
  return alertsIn(place, ref, actual)
end

local function pushEnd(status, overage, at)
  push(status)
  push(overage and 1 or 0)
  if overage then pushAmounts(overage, at) end
end

-- Reads one settlement of the request, books it and appends its answer: status, overage, alerts. `turn` tells it from others.
-- Returns the record.
local function settleNext(refs, key, name, record, remember, turn)
  local actual, places = nextOptionalAmounts(), nextPlaces(refs)
  if record and record[ENDED] == 1 then
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
      if ref.account.turn ~= turn then
        ref.account.turn = turn
        count = count + bookIn(place, ref, record, isLive, name, actual, overage)
      end
    end
  end
  answer[countAt] = count

  local ended = record or zeros(12)
  for at = RECORD_TAIL, #ended do ended[at] = nil end
  ended[ENDED], ended[STATUS] = 1, status
  for d = 1, overage and 8 or 0 do ended[RECORD_TAIL - 1 + d] = overage[d] end
  saveRecord(key, ended, remember)
  return ended
end
