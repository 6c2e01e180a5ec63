-- PUTs of new files of 1 KiB, no two alike: wrk -s new_files.lua URL -- PATH, which the number of each is put after.
local path, number = "", 0
local rest = string.rep("x", 1024 - 64)

function init(arguments)
  path = arguments[1]
end

function request()
  number = number + 1
  return wrk.format("PUT", path .. number, nil, string.format("%-64s", path .. number) .. rest)
end
