--- The commands of the program `foretell`: setup, models, doctor.
local server = require('foretell.server')

local M = {}

local LIST_TIMEOUT_MS = 3000

---@class foretell.Model  A model of the catalogue, as `foretell model list --json` prints it.
---@field name string
---@field title string
---@field licence string
---@field note string
---@field bytes? integer
---@field is_here boolean  Whether it is installed.
---@field is_used boolean

---@return string? program nil, with a message, if it cannot be run
local function executable()
  local program = server.program()
  if vim.fn.executable(program) == 1 then
    return program
  end
  vim.notify('Foretell: ' .. server.missing_message(program), vim.log.levels.ERROR)
end

--- Runs a command of the program in a terminal window below, which shows its progress. `q` closes
--- the terminal, and ends the command if it still runs.
---@param args string[]
---@param on_success? fun()
function M.run(args, on_success)
  local program = executable()
  if not program then
    return
  end
  local argv = vim.list_extend({ program }, args)
  vim.cmd('botright 12new')
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].bufhidden = 'wipe'
  local function on_exit(_, code)
    if code == 0 and on_success then
      on_success()
    elseif code ~= 0 and vim.api.nvim_buf_is_valid(buf) then
      local message = 'Foretell: `foretell %s` failed; its window shows why'
      vim.notify(message:format(args[1]), vim.log.levels.ERROR)
    end
  end
  if vim.fn.has('nvim-0.11') == 1 then
    vim.fn.jobstart(argv, { term = true, on_exit = on_exit })
  else
    vim.fn.termopen(argv, { on_exit = on_exit })
  end
  vim.cmd.normal({ 'G', bang = true }) -- follows the output
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buf, nowait = true })
end

--- Fetches the runtime library and a model, then restarts the server.
---@param ... string further arguments of `foretell setup`
function M.set_up(...)
  M.run({ 'setup', ... }, function()
    server.restart()
    vim.notify('Foretell: setup is complete')
  end)
end

---@return foretell.Model[] models empty if the program cannot list them
local function models()
  local program = server.program()
  if vim.fn.executable(program) == 0 then
    return {}
  end
  local command = { program, 'model', 'list', '--json' }
  local list = vim.system(command, { text = true }):wait(LIST_TIMEOUT_MS)
  local is_json, catalogue = pcall(vim.json.decode, list.stdout, { luanil = { object = true } })
  return is_json and type(catalogue) == 'table' and catalogue.models or {}
end

--- The names of the catalogue's models.
---@return string[]
function M.model_names()
  return vim.tbl_map(function(model)
    return model.name
  end, models())
end

--- A model in one line, for a menu.
---@param model foretell.Model
---@return string
function M.describe(model)
  local facts = { model.title, model.licence }
  if model.bytes then
    facts[#facts + 1] = ('%.1f GB'):format(model.bytes / 1e9)
  end
  if model.note ~= '' then
    facts[#facts + 1] = model.note
  end
  facts[#facts + 1] = model.is_used and 'in use' or model.is_here and 'installed' or nil
  return table.concat(facts, ', ')
end

--- Lets the user choose a model of the catalogue; fetches it if it is not installed.
function M.choose_model()
  if not executable() then
    return
  end
  local options = { prompt = 'Foretell: choose a model', format_item = M.describe }
  vim.ui.select(models(), options, function(model)
    if model and model.is_here then
      M.run({ 'model', 'use', model.name }, server.restart)
    elseif model then
      M.set_up(model.name)
    end
  end)
end

return M
