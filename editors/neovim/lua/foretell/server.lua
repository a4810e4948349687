--- The language client: starts the server, calls it, and restarts it after an unexpected exit.
local config = require('foretell.config')

local M = {}

---@alias foretell.State 'loading'|'ready'|'thinking'|'off'|'failed'

---@class foretell.Status
---@field state foretell.State
---@field message? string  Why the server failed, or the sentence for `reason`.
---@field reason? string   The code for why the last response was empty.
---@field remote? string   The address of the remote model server.

---@type foretell.Status
M.status = { state = 'loading' }

---@type fun(params: table, client_id: integer) Called for each update of a suggestion.
M.on_update = function() end
---@type fun(params: table, client_id: integer) Called for each edit that the server has found.
M.on_edits = function() end
---@type fun(buf: integer) Called when the server attaches to a buffer or has loaded its model.
M.on_ready = function() end

local MAX_RESTARTS, RESTART_WINDOW_MS = 4, 180000
local restart_times_ms = {} ---@type integer[] from `vim.uv.now()`

---@param status foretell.Status
local function set_status(status)
  local state, message = status.state, status.message
  local is_reported = M.status.state == 'failed' and M.status.message == message
  local is_same_item = M.status.state == state and M.status.remote == status.remote
  M.status = status
  if state == 'failed' and message and not is_reported then
    -- Cut to fit on one line with the hint: a longer message makes Neovim wait for Enter.
    local brief = vim.fn.strcharpart(message, 0, vim.o.columns - 50)
    vim.notify(('Foretell: %s … see :checkhealth foretell'):format(brief), vim.log.levels.WARN)
  end
  vim.api.nvim_exec_autocmds('User', { pattern = 'ForetellStatus', modeline = false })
  if not is_same_item then -- the status line does not show the reason
    vim.cmd.redrawstatus({ bang = true })
  end
end

--- The client that is attached to a buffer.
---@param buf integer
---@return vim.lsp.Client?
function M.client(buf)
  return vim.lsp.get_clients({ bufnr = buf, name = 'foretell' })[1]
end

--- Calls a method of a client. In Neovim 0.10, the methods take no `self`.
---@param client vim.lsp.Client
---@param method 'request'|'notify'|'is_stopped'
function M.call(client, method, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[method](client, ...)
  end
  return client[method](...)
end

local function restart_after_exit()
  local now = vim.uv.now()
  restart_times_ms = vim.tbl_filter(function(at)
    return now - at < RESTART_WINDOW_MS
  end, restart_times_ms)
  if #restart_times_ms >= MAX_RESTARTS then
    set_status({
      state = 'failed',
      message = 'the server keeps stopping. See `:Foretell log`, then run `:Foretell restart`',
    })
    return
  end
  restart_times_ms[#restart_times_ms + 1] = now
  set_status({ state = 'loading' })
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.b[buf].foretell_attached and vim.api.nvim_buf_is_loaded(buf) then
      M.start(buf)
    end
  end
end

---@return vim.lsp.ClientConfig
local function client_config()
  local settings = config.current.settings
  if vim.tbl_isempty(settings) then
    settings = vim.empty_dict() -- an empty Lua table would be encoded as a list
  end
  return {
    name = 'foretell',
    cmd = config.current.cmd,
    init_options = {
      status = true,
      streaming = config.current.streaming and not config.current.native,
      nextEdit = config.current.next_edit,
      settings = settings,
    },
    settings = { foretell = settings },
    handlers = {
      ['foretell/status'] = function(_, params)
        -- `ready` also follows `thinking`, but then a response is already on its way.
        local was_loading = M.status.state == 'loading'
        set_status({
          state = params.state,
          message = params.message,
          reason = params.reason,
          remote = params.remote,
        })
        if was_loading and params.state == 'ready' then
          M.on_ready(vim.api.nvim_get_current_buf())
        end
      end,
      ['foretell/inlineCompletion/update'] = function(_, params, ctx)
        M.on_update(params, ctx.client_id)
      end,
      ['foretell/nextEdit'] = function(_, params, ctx)
        M.on_edits(params, ctx.client_id)
      end,
    },
    on_attach = function(_, buf)
      vim.b[buf].foretell_attached = true
      M.on_ready(buf)
    end,
    on_exit = function(code, signal)
      if (code ~= 0 or signal ~= 0) and vim.v.exiting == vim.NIL then
        vim.schedule(restart_after_exit)
      end
    end,
  }
end

--- Attaches the server to a buffer, and starts it if it is not running.
---@param buf integer
function M.start(buf)
  if vim.bo[buf].buftype == '' and config.covers(buf) then
    local base = vim.lsp.config and vim.lsp.config.foretell or client_config()
    vim.lsp.start(base, {
      bufnr = buf,
      silent = true,
      reuse_client = function(client, wanted)
        return client.name == wanted.name and not M.call(client, 'is_stopped')
      end,
    })
  end
end

--- Attaches the server to all open and future files.
function M.enable()
  local given = client_config()
  if vim.lsp.config then
    -- The default must not override the `cmd` of a user's `vim.lsp.config('foretell', …)`.
    given.cmd = nil
    if not vim.deep_equal(config.current.cmd, config.defaults.cmd) then
      given.cmd = config.current.cmd
    end
    vim.lsp.config('foretell', given)
  end
  local group = vim.api.nvim_create_augroup('foretell.start', {})
  local program = (vim.lsp.config and vim.lsp.config.foretell or given).cmd[1]
  if vim.fn.executable(program) == 0 then
    vim.schedule(function()
      set_status({ state = 'failed', message = M.missing_message(program) })
    end)
    return
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    callback = function(event)
      M.start(event.buf)
    end,
  })
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].filetype ~= '' then
      M.start(buf)
    end
  end
end

--- The path or name of the server's program.
---@return string
function M.program()
  return (vim.lsp.config and vim.lsp.config.foretell or config.current).cmd[1]
end

--- The message for a missing program.
---@param program string
---@return string
function M.missing_message(program)
  return ('cannot run %q. Install it (`make install` in its source) or set its path: '):format(
    program
  ) .. "require('foretell').setup({ cmd = { '/path/to/foretell', 'serve' } })"
end

--- Restarts the server, or starts it if its program was missing before.
function M.restart()
  restart_times_ms = {}
  set_status({ state = 'loading' })
  local clients = vim.lsp.get_clients({ name = 'foretell' })
  for _, client in ipairs(clients) do
    vim.lsp.stop_client(client.id, true)
  end
  -- During the wait, `on_exit` restarts a killed server; `enable()` starts one that exited with 0.
  vim.wait(2000, function()
    return vim.iter(clients):all(function(client)
      return not vim.lsp.get_client_by_id(client.id)
    end)
  end, 20)
  M.enable()
end

return M
