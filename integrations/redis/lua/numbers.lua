-- The numbers of a request arrive as one string of little-endian doubles and are read in order.

local numbers, cursor

local function readFrom(packed)
  numbers = { struct.unpack('<' .. string.rep('d', #packed / 8), packed) }
  cursor = 0
end

local function nextNumber()
  cursor = cursor + 1
  return numbers[cursor]
end

-- Eight amounts, one for each dimension in its fixed order. A limit of -1 is no limit.
local function nextAmounts()
  local at = cursor
  cursor = at + 8
  return { numbers[at + 1], numbers[at + 2], numbers[at + 3], numbers[at + 4], numbers[at + 5], numbers[at + 6], numbers[at + 7], numbers[at + 8] }
end

-- Eight amounts, or nil where a 0 stands instead of the 1 before them.
local function nextOptionalAmounts()
  if nextNumber() == 1 then return nextAmounts() end
  return nil
end

local function appendAmounts(reply, amounts, from)
  for d = 1, 8 do reply[#reply + 1] = amounts[from + d] end
end
