//! The faults as the page `/` and the command line list them.

/// Every fault with its keys.
pub(crate) const FAULTS: &str = "\
A fault is written key=value,key=value; repeatable. Examples: status=503,rate=0.05
kind=html,after=3,times=1   kind=rows,as=no-id,share=0.01

When, for every fault:
  rate=SHARE            probability, 1 by default
  after=N               requests that are left alone first
  times=N               requests that are hit at most
  endpoint=E            records, record, pools, tokens (IAM), metadata_token or
                        security_key (metadata service); everywhere by default

Errors:
  status=400..599       in place of the answer, with
    shape=S             plain, encoded, detail, details, camel, code, nested,
                        nested-code, html, text (the message alone) or empty
    code=C, message=M   in place of the usual ones; M has no comma
    retry-after=N       seconds
    retry-after-date=N  the date that is N seconds from now; N may be negative
    window=N-UNIT       of 429: the text says limit:200,time:N UNIT; with window=none
                        it says nothing
    encoding=E          utf-16le, utf-16be, bom or latin-1; the message is then not
                        ASCII
  kind=error-body       the same with status 200
  kind=echo             the message repeats the headers; as=plain, json-escaped,
                        base64 (each value), base64-all or url; status=400..599, 401
                        by default

Bodies, with status 200 (a token of IAM comes with 201, and in a header; html has none):
  kind=html             a page that asks to sign in
  kind=list             []
  kind=empty-object     {}
  kind=empty-body       nothing
  kind=truncated        the first half
  kind=encoding         as=utf-16le, utf-16be, bom or latin-1
  kind=huge             a page of bytes=N (300 MiB by default) without Content-Length,
                        full of as=rows or text; status=200..599
  kind=bomb             the same, compressed with gzip, whoever asks
  kind=deep             levels=N arrays in each other (10000 by default), at=row, page
                        or top; status=200..599

Rows:
  kind=rows             as=null, text, no-id, no-start, bad-start, wrong-types or
                        negative-size; share=SHARE of the records, always the same;
                        seed=N for others
  kind=duplicates       share and seed as above
  kind=omitted          share and seed as above
  kind=no-rows          none of the rows; total_count stays
  kind=rows,as=outside  count=N more records of the world (1 by default) on each page
                        of the list, in their place, why=early (over before
                        start_time) or filter (another status, type, user or desktop
                        than asked for)
  kind=stale            the world as it was when the faults were set

Transport:
  kind=redirect         status=300..399, 302 by default; to=other (a host where nobody
                        listens) or same (/elsewhere); location=URL in place of both
  kind=hang             no answer, ever
  kind=reset            the connection breaks in the middle of the body
  kind=drip             two hundred pieces, ten a second
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
    fn the_help_fits_beside_the_indentation_of_the_command_line() {
        assert!(FAULTS.lines().all(|line| line.len() <= 88));
    }
}
