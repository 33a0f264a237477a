/** A count of tokens for people: `12,300`. */
export const tokensText = (tokens: number): string => Math.round(tokens).toLocaleString('en-US');

/** A share for people: `0.123` is `12 %`. */
export const percentText = (share: number): string => `${Math.round(share * 100)} %`;
