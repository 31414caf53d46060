// Character references in Markdown (CommonMark section 2.5): the numeric ones, and the named ones that are in use. An
// unknown one is shown as it is written.

const NAMED = {
    amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0", shy: "\u00ad", copy: "©", reg: "®", trade: "™",
    hellip: "…", mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", sbquo: "‚", ldquo: "“", rdquo: "”", bdquo: "„",
    laquo: "«", raquo: "»", lsaquo: "‹", rsaquo: "›", bull: "•", middot: "·", sect: "§", para: "¶", deg: "°",
    plusmn: "±", times: "×", divide: "÷", minus: "−", ne: "≠", le: "≤", ge: "≥", asymp: "≈", equiv: "≡", infin: "∞",
    radic: "√", sum: "∑", prod: "∏", int: "∫", part: "∂", nabla: "∇", isin: "∈", notin: "∉", cap: "∩", cup: "∪",
    sub: "⊂", sup: "⊃", and: "∧", or: "∨", not: "¬", forall: "∀", exist: "∃", larr: "←", uarr: "↑", rarr: "→",
    darr: "↓", harr: "↔", lArr: "⇐", rArr: "⇒", hArr: "⇔", frac12: "½", frac14: "¼", frac34: "¾", sup1: "¹",
    sup2: "²", sup3: "³", micro: "µ", euro: "€", pound: "£", yen: "¥", cent: "¢", curren: "¤", check: "✓", cross: "✗",
    star: "☆", hearts: "♥", spades: "♠", clubs: "♣", diams: "♦", iexcl: "¡", iquest: "¿", ordf: "ª", ordm: "º",
    auml: "ä", ouml: "ö", uuml: "ü", Auml: "Ä", Ouml: "Ö", Uuml: "Ü", szlig: "ß", aacute: "á", eacute: "é",
    iacute: "í", oacute: "ó", uacute: "ú", agrave: "à", egrave: "è", ccedil: "ç", ntilde: "ñ", ecirc: "ê", acirc: "â",
    ocirc: "ô", icirc: "î", ucirc: "û", aring: "å", aelig: "æ", oslash: "ø", AElig: "Æ", Oslash: "Ø", Aring: "Å",
    oelig: "œ", alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", theta: "θ", lambda: "λ", mu: "μ",
    pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", omega: "ω", Delta: "Δ", Sigma: "Σ", Omega: "Ω", thinsp: "\u2009",
    ensp: "\u2002", emsp: "\u2003", zwj: "\u200d", zwnj: "\u200c", lrm: "\u200e", rlm: "\u200f",
};

export function entitiesDecoded(text) {
    if (!text.includes("&")) return text;
    return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));/g,
        (whole, decimal, hexadecimal, name) => {
            if (name) return Object.hasOwn(NAMED, name) ? NAMED[name] : whole;
            return character(decimal ? parseInt(decimal, 10) : parseInt(hexadecimal, 16));
        });
}

function character(code) {
    const isScalar = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isScalar ? String.fromCodePoint(code) : "\ufffd";
}
