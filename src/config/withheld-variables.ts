/** Variables that are set here and are not passed to the server: a server that fails may need one of them. */

/** Variables that programs need to connect through a proxy, with company certificates, or to another machine. */
const wanted = new Set([
  'ALL_PROXY',
  'DOCKER_HOST',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'KUBECONFIG',
  'NODE_EXTRA_CA_CERTS',
  'NO_PROXY',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
])

/** Names of variables that often configure a server. */
const configured =
  /_(?:API_?KEY|ACCESS_KEY|SECRET_KEY|KEY|TOKEN|SECRET|PASSWORD|DSN)$|^(?:DATABASE|REDIS|MONGODB)_UR[IL]$/

/** Variables of mcplex itself, or of the package manager that runs it. */
const ours = /^(?:MCPLEX_|MCP_|npm_|pnpm_|yarn_)/i

/**
 * The names of withheld variables, never a value; those that matter to most programs come first.
 * @param env the environment of this process
 * @param given the environment of the server
 */
export function withheldVariables(
  env: Readonly<Record<string, string | undefined>>,
  given: Readonly<Record<string, string>>,
): string[] {
  const names = Object.keys(env)
    .filter((name) => (env[name] ?? '') !== '' && !(name in given) && !ours.test(name))
    .toSorted()
  const first = names.filter((name) => wanted.has(name.toUpperCase()))
  return [...first, ...names.filter((name) => !first.includes(name) && configured.test(name))]
}
