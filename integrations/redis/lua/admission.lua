-- Whether an ask fits into all accounts at once, and with how many units: decides as `fit` of the core does.

-- Reads what the request says of one place in its list of accounts.
local function nextRef()
  local ref = { account = nextNumber(), mark = nextNumber(), limits = nextAmounts(), tighter = nextOptionalAmounts(), kept = nextOptionalAmounts() }
  ref.alerts = nextNumber()
  ref.alertsAt = cursor
  cursor = cursor + ref.alerts
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

-- An account before this admission: its ceilings as a list and a place in it, and what is used.
local function standingOf(ref, account)
  local limits, at = adjustedLimits(account, numbers, ref.limits)
  if ref.tighter then
    local ceilings = {}
    for d = 1, 8 do
      local limit, tighter = limits[at + d], numbers[ref.tighter + d]
      if limit < 0 or (tighter >= 0 and tighter < limit) then limit = tighter end
      ceilings[d] = limit
    end
    limits, at = ceilings, 0
  end
  return { limits = limits, at = at, kept = ref.kept, state = account.data, late = lateOf(account) }
end

local function settledIn(standing, d)
  return standing.state[SETTLED_AT + d] + (standing.late and standing.late[d] or 0)
end

-- The limit that an ask meets, or nil. Only a closing step may use what is kept back.
local function limitIn(standing, d, isClosing)
  local limit = standing.limits[standing.at + d]
  if limit < 0 then return nil end
  local kept = not isClosing and standing.kept and numbers[standing.kept + d] or 0
  return kept > 0 and limit - kept or limit
end

-- For each dimension the least room and the place of the account that has it; the first of equals.
local function roomsIn(standings, isClosing)
  local rooms, places = {}, {}
  for place = 1, #standings do
    local standing = standings[place]
    local limits, at, state = standing.limits, standing.at, standing.state
    for d = 1, 8 do
      if limits[at + d] >= 0 then
        local room = limitIn(standing, d, isClosing) - settledIn(standing, d) - state[HELD_AT + d]
        if not rooms[d] or room < rooms[d] then rooms[d], places[d] = room, place end
      end
    end
  end
  return { rooms = rooms, places = places }
end

local function misfit(standings, place, d, asked, isClosing)
  local standing = standings[place]
  return { place, d, limitIn(standing, d, isClosing), settledIn(standing, d), standing.state[HELD_AT + d], asked }
end

-- Returns amounts and units, or nil and the shortfall.
local function fit(ask, standings, room)
  local least = math.min(ask.least, ask.wanted)
  local units, yielded = ask.wanted, nil
  for d = 1, 8 do
    local base, each = numbers[ask.base + d], ask.perUnit and numbers[ask.perUnit + d] or 0
    local left = room.rooms[d]
    if left and (base ~= 0 or each ~= 0) then
      if ask.yields and numbers[ask.yields + d] == 1 then
        if left < 1 then return nil, misfit(standings, room.places[d], d, base, ask.isClosing) end
        yielded = yielded or {}
        yielded[d] = math.min(base, left)
      else
        local atLeast = base + each * least
        if atLeast > left then return nil, misfit(standings, room.places[d], d, atLeast, ask.isClosing) end
        if each > 0 then units = math.min(units, math.floor((left - base) / each)) end
      end
    end
  end
  local amounts = {}
  for d = 1, 8 do
    amounts[d] = yielded and yielded[d] or numbers[ask.base + d] + (ask.perUnit and numbers[ask.perUnit + d] * units or 0)
  end
  for gate = 0, ask.gates - 1 do
    local at = ask.gatesAt + 3 * gate
    local place, d, below = numbers[at + 1], numbers[at + 2], numbers[at + 3]
    local standing = standings[place]
    local limit = standing and standing.limits[standing.at + d] or -1
    if limit >= 0 and settledIn(standing, d) + standing.state[HELD_AT + d] + amounts[d] > limit * below then
      return nil, misfit(standings, place, d, amounts[d], ask.isClosing)
    end
  end
  return amounts, units
end
