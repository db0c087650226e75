//! Help text for faults, for the page `/` and `simulate --help`.

/// Every fault with its keys.
pub(crate) const FAULTS: &str = "\
Faults are written key=value,key=value. Repeatable. Examples: status=503,rate=0.05
kind=html,after=3,times=1   kind=rows,as=no-id,share=0.01

Keys of every fault:
  rate=SHARE            probability of hitting a request (default 1)
  after=N               number of requests to skip first
  times=N               maximum number of requests to hit
  endpoint=E            records, record, pools, tokens (IAM), metadata_token or
                        security_key (metadata service); default: every endpoint

Errors:
  status=400..599       an error instead of the answer, with
    shape=S             plain, encoded, detail, details, camel, code, nested,
                        nested-code, html, text (only the message) or empty
    code=C, message=M   instead of the usual ones; M must not contain a comma
    retry-after=N       in seconds
    retry-after-date=N  a date N seconds from now; N may be negative
    window=N-UNIT       for 429: the text says limit:200,time:N UNIT; with window=none
                        it names no window
    encoding=E          utf-16le, utf-16be, bom or latin-1; the message then has
                        characters other than ASCII
  kind=error-body       the same with status 200
  kind=echo             an error whose message repeats the headers; as=plain,
                        json-escaped, base64 (each value), base64-all or url;
                        status=400..599 (default 401)

Bodies, with status 200 (IAM tokens: 201 and a header, except for kind=html):
  kind=html             a page that asks to sign in
  kind=list             []
  kind=empty-object     {}
  kind=empty-body       an empty body
  kind=truncated        the first half of the body
  kind=encoding         as=utf-16le, utf-16be, bom or latin-1
  kind=huge             a page of bytes=N (default 300 MiB) without Content-Length,
                        full of as=rows or text; status=200..599
  kind=bomb             the same, compressed with gzip, whatever the client accepts
  kind=deep             levels=N nested arrays (default 10000), at=row, page or top;
                        status=200..599

Rows:
  kind=rows             as=null, text, no-id, no-start, bad-start, wrong-types,
                        negative-size, null-status, empty-status, odd-status (an
                        array) or null-labels (type, pool and user); share=SHARE of
                        the records, always the same ones; seed=N selects others
  kind=duplicates       share and seed as above
  kind=omitted          share and seed as above
  kind=no-rows          no rows; total_count does not change
  kind=rows,as=outside  count=N (default 1) additional records on each page of the
                        list, in the order of the page; why=early (they ended before
                        start_time) or filter (status, type, user or desktop do not
                        match)
  kind=stale            the world as it was when the faults were set
  kind=short            half of the rows of the page; more follow at the next offset

Transport:
  kind=redirect         status=300..399 (default 302); to=other (a host where nothing
                        listens) or same (/elsewhere); location=URL instead of both
  kind=hang             no answer, ever
  kind=reset            the connection breaks in the middle of the body
  kind=drip             the body in two hundred pieces, ten a second
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EchoEncoding, Encoding, Endpoint, ErrorShape, Fault, HugeContent, NestingPosition,
        RowDefect, UnrequestedReason, faults::syntax::KINDS,
    };

    #[test]
    fn the_help_names_every_fault_and_every_value_of_its_keys() {
        fn names<T>(names: &[(&'static str, T)]) -> Vec<&'static str> {
            names.iter().map(|(name, _)| *name).collect()
        }
        for kind in KINDS {
            let fault = format!("kind={kind}");
            assert!(fault.parse::<Fault>().is_ok(), "{fault}");
            assert!(FAULTS.contains(&format!("  {fault} ")), "{fault}");
        }
        let words: Vec<&str> = FAULTS.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        for name in [
            names(&ErrorShape::NAMES),
            names(&EchoEncoding::NAMES),
            names(&Encoding::NAMES),
            names(&HugeContent::NAMES),
            names(&NestingPosition::NAMES),
            names(&RowDefect::NAMES),
            names(&UnrequestedReason::NAMES),
        ]
        .concat()
        {
            assert!(words.contains(&name), "{name}");
        }
        for endpoint in Endpoint::NAMED {
            assert!(FAULTS.contains(endpoint.name()), "{endpoint:?}");
        }
    }

    #[test]
    fn the_help_is_narrow_enough_for_the_indented_command_line_help() {
        assert!(FAULTS.lines().all(|line| line.len() <= 88));
    }
}
