//! The law of the house: a module imports only from floors below its own, and from the owning module.

use std::path::{Path, PathBuf};

/// The modules of each floor, from the ground up. ARCHITECTURE.md tells why.
const FLOORS: [&[&str]; 9] = [
    &["finding", "cli", "spool", "pulse"],
    &["digest"],
    &["library", "ledger", "readership"],
    &["feed"],
    &["site"],
    &["deliver", "http"],
    &["config"],
    &["daemon"],
    &["commands"],
];

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or_else(|| panic!("{module} stands on no floor"))
}

#[test]
fn no_module_imports_from_its_own_floor_or_above() {
    let mut seen = 0;
    for file in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let own = module_of(&file);
        if ["lib", "main"].contains(&own.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for used in imports(&text) {
            seen += 1;
            assert!(
                used == own || floor(&used) < floor(&own),
                "{} imports from {used}, which does not stand below {own}",
                file.display()
            );
        }
    }
    assert!(seen > 50, "only {seen} imports were seen: the test has gone blind");
}

#[test]
fn every_file_begins_with_what_it_is() {
    for file in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} has no first sentence", file.display());
    }
}

#[test]
fn tasks_are_spawned_in_two_files() {
    let spawning = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .into_iter()
        .filter(|file| std::fs::read_to_string(file).unwrap().contains("tokio::spawn("));
    let names: Vec<String> = spawning.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["daemon.rs", "server.rs"]);
}

/// The modules named after `crate::`, alone or in a group.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let (mut depth, mut name) = (0, String::new());
                for character in group.chars() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => modules.push(std::mem::take(&mut name)),
                        _ if depth == 0 => name.push(character),
                        _ => {}
                    }
                }
                modules.push(name);
            }
            None => modules.push(rest.to_owned()),
        }
    }
    let first =
        |module: &String| module.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    modules.iter().map(first).filter(|module| !module.is_empty()).collect()
}

fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
