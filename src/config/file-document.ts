/** The part of `docs/configuration.md` about the file: an example, and the rules that its options do not say. */

/** An example of a whole file, which can be served where its module is: tests read it and check it. */
export const exampleFile: string = `# yaml-language-server: $schema=./node_modules/mcplex/schema.json
version: 1
listen: { host: 127.0.0.1, port: 8080 }

limits:
  maxConnections: 2000                # clients at once
  poolSize: 10                        # processes of each server at most
  idleTimeout: 30m                    # of a session
  queue: { max: 500, maxWait: 10s }

upstreams:                            # the servers, by name
  github:
    command: [npx, -y, "@modelcontextprotocol/server-github"]
    env: { GITHUB_PERSONAL_ACCESS_TOKEN: "\${GITHUB_TOKEN:-}" }
    mode: tenant                      # which clients share a process
    pool: { max: 4, concurrency: 8 }
    onChange: hold                    # tools defined anew wait for: mcplex upstreams accept github
    boundArgs: { owner: example-org } # not the client's choice
    concurrency: 10                   # calls at once, on all of its processes
    breaker: { errorPercent: 50 }     # calls are refused for a while when half of them fail
  files:
    command: npx
    args: [-y, "@modelcontextprotocol/server-filesystem", ./notes]
    protocol: 2025-06-18              # not asked for: this revision is used
    limits: { memory: 512mb }         # of each of its processes
    pool: { reserve: 2, recycle: { age: 12h } }
  mine:
    module: ./tools.mjs               # a server in this process
    isolate: true                     # in a thread of its own
    cacheScope: public                # all clients get the same lists

endpoints:                            # parts of all tools, each at /mcp/NAME
  support:
    tools: ["github__*", "!github__delete_*", "mine__*"]

aliases:                              # other names of tools and prompts
  search_code: github__search_code

admin: { listen: '127.0.0.1:8081' }   # for Prometheus; the Unix socket is there as well
sessions: { keepAlive: 15s }
log: { level: info }
`

/** The section as lines of Markdown. */
export function fileDocument(): readonly string[] {
  return [
    '## The file',
    '',
    '`mcplex up` serves what `mcplex.yaml` (or `mcplex.yml`) in the current folder says, or another file with `--config FILE`, also a',
    'pipe: `--config <(envsubst < mcplex.yaml.in)`. `mcplex check` says what is wrong with a file, with line and column; `mcplex init`',
    'writes one, with the servers that the clients on this machine start. YAML and JSON are both read, JSON with comments as well.',
    '',
    '`check` also looks for what each server needs, as its start does: the program (by its path from `cwd`, or else in the `PATH` of the',
    'server: that of mcplex, unless `env` sets another), `cwd`, and the file of `module`. What is not there is an error with its place',
    '(`config_missing`, exit code 78), so run `check` on the machine, and as the user, that will serve. `up` says the same at its',
    'start, serves the other servers, and starts the failed server again later; exit code 69 if no server can be started.',
    '',
    '```yaml',
    ...exampleFile.trimEnd().split('\n'),
    '```',
    '',
    '- `upstreams` are the servers, by name (at most 64 letters, digits, `-` and `_`). `command` is a program with `args`, or one',
    '  list of both; no shell is run. `env` is added to the few variables that every program needs. Below its name, an upstream',
    '  has the options of the section “Servers and their processes”, without the first part of their paths: `mode`, `startTimeout`,',
    '  `pool.concurrency`; `pool.max` is the size of its pool.',
    '- Arguments of its tools that you decide are `boundArgs: { org_id: "org-7" }`, or a mapping at `args` (a list there is for the',
    '  command). Values are what they are in JSON: `7` and `true` without quotes are no texts; what `${NAME}` stands for is one.',
    '  A number that JSON cannot hold to the digit, or has no form for (`0x1F`, `.inf`), is an error: in quotes it is a text. Values',
    '  of `env` are always texts, to the digit.',
    '- `upstream` (`upstream: { startTimeout: 90s }`) and `limits.poolSize` hold for all upstreams that do not say otherwise.',
    '- `/mcp` has all servers together, `/mcp/github` the server `github` alone. `endpoints` are further ones at `/mcp/NAME`, each with',
    '  a part of all tools. `aliases` gives tools and prompts other names: `aliases: { search: brave__web_search }`.',
    '- An upstream named `github` has variables of its own: `MCPLEX_UPSTREAMS__GITHUB__POOL__MAX=8`. They win over those for all',
    '  upstreams, such as `MCP_CONNECTION_POOL_SIZE`; flags win over both.',
    '- `${NAME}` stands for a variable of the environment, `${NAME:-default}` also if it is not set, and `${file:/run/secrets/x}` for',
    '  the text of a file without its last line break. `$${` is a plain `${`.',
    '- Relative paths (`cwd`, `listen.tlsCert`, `listen.tlsKey`, `listen.socket`, `${file:...}`) begin at the folder of the file. Servers',
    '  run in their `cwd`, or else in the folder where mcplex was started.',
    '- Names that people know from elsewhere work as well: `connectionTimeout` for `limits.maxSessionAge`, and `maxConnections`,',
    '  `connectionTimeout`, `idleTimeout` and `poolSize` at the top of the file. A bare number is milliseconds; if that is hardly',
    '  meant (`idleTimeout: 5`), a warning says so.',
    '- Parts can be repeated with anchors, aliases and merge keys (`<<: *base`). Tags are those of the JSON schema of YAML alone:',
    '  `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map` and `!!seq`; any other is an error where it stands.',
    '- The file of a client is taken as it is: the servers below `mcpServers` (Claude Desktop, Claude Code, Cursor, Windsurf),',
    '  `servers` or `mcp.servers` (VS Code) or `context_servers` (Zed) are the upstreams. Servers at a URL and those that are turned',
    '  off there are left out, with a warning.',
    '- The running `mcplex up` applies a changed file by itself ([how](operations.md#another-configuration)); what `check --print` marks with',
    '  “needs a restart” is applied by the next start only.',
    '- `schema.json` in the package describes the file for editors; the comment in the first line of the example names it.',
    '',
  ]
}
