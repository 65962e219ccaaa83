//! As much of a shell's grammar as the documentation uses: words, quotes, comments, here-documents, and what stands
//! between two commands.

use std::mem::take;

use regex::Regex;

/// The commands in a script, each as its words, quotes taken off. Variables stand as they are; redirections and
/// here-documents are left out.
pub(crate) fn commands(script: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        reader.line(line);
        for end in take(&mut reader.documents) {
            _ = lines.find(|line| line.trim() == end);
        }
    }
    reader.end_command();
    reader.commands
}

/// Files that a script writes as here-documents: their names and contents.
pub(crate) fn documents(script: &str) -> Vec<(String, String)> {
    let start = Regex::new(r"> ?(\S+) <<'?([A-Z]+)'?$").unwrap();
    let mut found = Vec::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if let Some(start) = start.captures(line) {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != &start[2]).collect();
            found.push((start[1].to_owned(), body.join("\n") + "\n"));
        }
    }
    found
}

/// What runs where a command also says how: `sudo`, and variables for it alone.
pub(crate) fn program(words: &[String]) -> &[String] {
    let is_name = |word: &str| word.chars().all(|sign| sign.is_ascii_uppercase() || sign == '_');
    let is_prefix =
        |word: &String| word == "sudo" || word.split_once('=').is_some_and(|(name, _)| is_name(name));
    let start = words.iter().position(|word| !is_prefix(word)).unwrap_or(words.len());
    words.get(start..).unwrap_or_default()
}

#[derive(Default)]
struct Reader {
    commands: Vec<Vec<String>>,
    words: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
    /// The next word is where something goes to or comes from.
    redirected: bool,
    /// Ends of the here-documents that begin behind this line.
    documents: Vec<String>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let mut signs = line.chars().peekable();
        while let Some(sign) = signs.next() {
            match (self.quote, sign) {
                (Some(quote), _) if quote == sign => self.quote = None,
                (None, '\'' | '"') => {
                    self.quote = Some(sign);
                    self.word.get_or_insert_default();
                }
                (Some('"') | None, '\\') => match signs.next() {
                    Some(next) => self.push(next),
                    // The line goes on.
                    None => return,
                },
                (None, '#') if self.word.is_none() => break,
                (None, ' ' | '\t') => self.end_word(),
                (None, '|' | ';' | '&' | '(' | ')') => self.end_command(),
                (None, '<' | '>') => {
                    // A number directly before it is a descriptor.
                    self.word.take_if(|word| word.chars().all(|sign| sign.is_ascii_digit()));
                    self.end_word();
                    if signs.next_if_eq(&sign).is_some() && sign == '<' {
                        let end: String = signs.by_ref().take_while(|sign| *sign != ' ').collect();
                        self.documents.push(end.trim_matches('\'').to_owned());
                    } else {
                        _ = signs.next_if_eq(&'&');
                        self.redirected = true;
                    }
                }
                _ => self.push(sign),
            }
        }
        match self.quote {
            Some(_) => self.push('\n'),
            None => self.end_command(),
        }
    }

    fn push(&mut self, sign: char) {
        self.word.get_or_insert_default().push(sign);
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take()
            && !take(&mut self.redirected)
        {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.commands.push(take(&mut self.words));
        }
    }
}

#[test]
fn a_script_becomes_its_commands() {
    let script = r#"
# nothing
A=b curl -d '{"text": "one; \n two"}' \
  -H "X-Key: $K" -o x.wav 2>&1 | jq -r '.a[]' > out.txt   # said
cat > my.toml <<'END'
[ishowtts]
END
sudo ishowtts "two
lines" && true
"#;
    let expected: [&[&str]; 5] = [
        &["A=b", "curl", "-d", r#"{"text": "one; \n two"}"#, "-H", "X-Key: $K", "-o", "x.wav"],
        &["jq", "-r", ".a[]"],
        &["cat"],
        &["sudo", "ishowtts", "two\nlines"],
        &["true"],
    ];
    let read = commands(script);
    assert_eq!(read, expected);
    assert_eq!(program(&read[0])[0], "curl");
    assert_eq!(program(&read[3])[0], "ishowtts");
    assert_eq!(documents(script), [("my.toml".to_owned(), "[ishowtts]\n".to_owned())]);
}
