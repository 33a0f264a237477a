-- Whether an ask fits into all accounts at once, and with how many units: decides as `fit` of the core does.

-- Reads a place: account, mark of the limits, numbers for each limit, numbers for all, thresholds for alerts and how many they
-- are, limits.
local function nextRef(accounts)
  local base = cursor
  local account = accounts[numbers[base + 1]]
  local stride, count = numbers[base + 3], numbers[base + 4]
  local first = base + numbers[base + 5] + 6
  cursor = first + count - 1
  local state = account[STATE]
  if state and state[IS_ADJUSTED] == 1 then return { account, base, rare.adjustedList(account, base), 1, 40, 5 } end
  return { account, base, numbers, first, cursor, stride }
end

local function nextAsk()
  local n, at = numbers, cursor
  local ask = { base = at, perUnit = false, wanted = 0, least = 0, yields = false, isClosing = false, gates = 0, gatesAt = 0 }
  at = at + 9
  if n[at] == 1 then
    ask.perUnit = at
    at = at + 8
  end
  ask.wanted, ask.least = n[at + 1], n[at + 2]
  at = at + 3
  if n[at] == 1 then
    ask.yields = at
    at = at + 8
  end
  ask.isClosing, ask.gates, ask.gatesAt = n[at + 1] == 1, n[at + 2], at + 2
  cursor = at + 2 + 3 * ask.gates
  return ask
end

-- For each dimension the least room and the place of the account that has it; the first of equals. Only a closing step may
-- use what is kept back.
local function roomsIn(places, isClosing)
  local rooms, tightest = {}, {}
  for place = 1, #places do
    local ref = places[place]
    local list, stride, account = ref[LIST], ref[STRIDE], ref[OF]
    local state = account[STATE]
    local late = lateOf(account)
    for at = ref[FIRST], ref[LAST], stride do
      local d, room = list[at], list[at + 1]
      if room >= 0 then
        room = room - state[SETTLED_AT + d] - state[HELD_AT + d]
        if stride == 5 and not isClosing then room = room - list[at + 2] end
        if late then room = room - late[d] end
        local least = rooms[d]
        if not least or room < least then rooms[d], tightest[d] = room, place end
      end
    end
  end
  return { rooms, tightest }
end

-- Returns amounts and units, or nil and the shortfall.
local function fit(ask, places, room)
  local n, base, perUnit, yields, rooms = numbers, ask.base, ask.perUnit, ask.yields, room[1]
  local units, least, yielded = ask.wanted, math.min(ask.least, ask.wanted), nil
  for d = 1, 8 do
    local left = rooms[d]
    if left then
      local needed, each = n[base + d], perUnit and n[perUnit + d] or 0
      if yields and n[yields + d] == 1 then
        if needed ~= 0 or each ~= 0 then
          if left < 1 then return nil, rare.misfit(places, room[2][d], d, needed, ask.isClosing) end
          yielded = yielded or {}
          yielded[d] = math.min(needed, left)
        end
      elseif needed ~= 0 or each ~= 0 then
        local atLeast = needed + each * least
        if atLeast > left then return nil, rare.misfit(places, room[2][d], d, atLeast, ask.isClosing) end
        if each > 0 then units = math.min(units, math.floor((left - needed) / each)) end
      end
    end
  end
  local amounts = { 0, 0, 0, 0, 0, 0, 0, 0 }
  for d = 1, 8 do
    amounts[d] = yielded and yielded[d] or perUnit and n[base + d] + n[perUnit + d] * units or n[base + d]
  end
  if ask.gates > 0 then
    local shortfall = rare.closedGate(ask, places, amounts)
    if shortfall then return nil, shortfall end
  end
  return amounts, units
end
