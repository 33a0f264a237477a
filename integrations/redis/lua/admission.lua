-- Whether an ask fits into all accounts at once, and with how many units: decides as `fit` of the core does.

-- Reads what the request says of one place in its list of accounts. Its limits are five numbers for each dimension that has
-- one: dimension, ceiling (the lower of the two that follow), what of it is kept back, the guard's limit, the run's own; -1 is none.
local function nextRef(accounts)
  local at = cursor
  local ref = {
    account = accounts[numbers[at + 1]],
    mark = numbers[at + 2],
    alerts = numbers[at + 3],
    alertsAt = at + 4,
    count = numbers[at + 4],
    list = numbers,
    at = 0,
    countSent = 0,
    atSent = 0,
  }
  ref.at = ref.alertsAt + ref.alerts
  ref.countSent, ref.atSent = ref.count, ref.at
  cursor = ref.at + 5 * ref.count
  if ref.account.state and ref.account.state[IS_ADJUSTED] == 1 then
    ref.list, ref.count = rare.adjustedList(ref.account, ref.count, ref.at)
    ref.at = 0
  end
  return ref
end

local function nextAsk()
  local ask = { base = nextAmounts(), perUnit = nextOptionalAmounts(), wanted = nextNumber(), least = nextNumber(), yields = nextOptionalAmounts() }
  ask.isClosing = nextNumber() == 1
  ask.gates = nextNumber()
  ask.gatesAt = cursor
  cursor = cursor + 3 * ask.gates
  return ask
end

-- For each dimension the least room and the place of the account that has it; the first of equals. Only a closing step may
-- use what is kept back.
local function roomsIn(places, isClosing)
  local rooms, tightest = {}, {}
  for place = 1, #places do
    local ref = places[place]
    local list, state, late = ref.list, ref.account.state, lateOf(ref.account)
    for at = ref.at + 1, ref.at + 5 * ref.count, 5 do
      local d, room = list[at], list[at + 1]
      if room >= 0 then
        room = room - state[SETTLED_AT + d] - state[HELD_AT + d]
        if not isClosing then room = room - list[at + 2] end
        if late then room = room - late[d] end
        if not rooms[d] or room < rooms[d] then rooms[d], tightest[d] = room, place end
      end
    end
  end
  return { rooms = rooms, places = tightest }
end

-- The ceiling of a place in a dimension and what of it is kept back; -1 and 0 where it has none.
local function ceilingAt(ref, d)
  for at = ref.at + 1, ref.at + 5 * ref.count, 5 do
    if ref.list[at] == d then return ref.list[at + 1], ref.list[at + 2] end
  end
  return -1, 0
end

local function settledAt(ref, d)
  local late = lateOf(ref.account)
  return ref.account.state[SETTLED_AT + d] + (late and late[d] or 0)
end

local function misfit(places, place, d, asked, isClosing)
  local ref = places[place]
  local ceiling, kept = ceilingAt(ref, d)
  return { place, d, isClosing and ceiling or ceiling - kept, settledAt(ref, d), ref.account.state[HELD_AT + d], asked }
end

-- Returns amounts and units, or nil and the shortfall.
local function fit(ask, places, room)
  local n, base, perUnit, yields, isClosing = numbers, ask.base, ask.perUnit, ask.yields, ask.isClosing
  local units, least, yielded = ask.wanted, math.min(ask.least, ask.wanted), nil
  for d = 1, 8 do
    local left = room.rooms[d]
    if left then
      local needed, each = n[base + d], perUnit and n[perUnit + d] or 0
      if needed ~= 0 or each ~= 0 then
        if yields and n[yields + d] == 1 then
          if left < 1 then return nil, misfit(places, room.places[d], d, needed, isClosing) end
          yielded = yielded or {}
          yielded[d] = math.min(needed, left)
        else
          local atLeast = needed + each * least
          if atLeast > left then return nil, misfit(places, room.places[d], d, atLeast, isClosing) end
          if each > 0 then units = math.min(units, math.floor((left - needed) / each)) end
        end
      end
    end
  end
  local amounts = { 0, 0, 0, 0, 0, 0, 0, 0 }
  for d = 1, 8 do
    amounts[d] = yielded and yielded[d] or n[base + d] + (perUnit and n[perUnit + d] * units or 0)
  end
  for at = ask.gatesAt, ask.gatesAt + 3 * ask.gates - 3, 3 do
    local place, d, below = n[at + 1], n[at + 2], n[at + 3]
    local ref = places[place]
    local limit = ref and ceilingAt(ref, d) or -1
    if limit >= 0 and settledAt(ref, d) + ref.account.state[HELD_AT + d] + amounts[d] > limit * below then
      return nil, misfit(places, place, d, amounts[d], isClosing)
    end
  end
  return amounts, units
end
