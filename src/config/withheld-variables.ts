/** Variables that are set here and did not reach the server: what a server that fails may miss. */

/** What programs need to reach others through a proxy, with certificates of a company, or on another machine. */
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

/** Names of what a server is often configured with. */
const configured =
  /_(?:API_?KEY|ACCESS_KEY|SECRET_KEY|KEY|TOKEN|SECRET|PASSWORD|DSN)$|^(?:DATABASE|REDIS|MONGODB)_UR[IL]$/

/** What is ours, or of the package manager that runs us. */
const ours = /^(?:MCPLEX_|MCP_|npm_|pnpm_|yarn_)/i

/**
 * The names alone, never a value; what matters to most programs comes first.
 * @param env our environment
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
