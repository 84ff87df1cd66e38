/** One thing the doctor looked at. */

export interface Check {
  readonly name: string
  /** `missing`: without it nothing, or nothing of use, works. `note`: it works, and something should be known. */
  readonly status: 'ok' | 'note' | 'missing'
  readonly detail: string
  readonly remedy?: string
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail })
export const note = (name: string, detail: string, remedy?: string): Check => ({ name, status: 'note', detail, ...(remedy ? { remedy } : {}) })
export const missing = (name: string, detail: string, remedy: string): Check => ({ name, status: 'missing', detail, remedy })
