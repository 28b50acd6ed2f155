/** The variable that holds the key of `connect`, unless another one is named. */
export const usualKeyEnv = 'MCPLEX_API_KEY'
