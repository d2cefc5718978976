//! Which files are ignored: ripgrep's rules, configured as the rg binary configures them.

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use ignore::types::TypesBuilder;

use crate::error::{Error, Result};
use crate::request::Request;
use crate::roots::Root;

/// Globs of one request; a person writes a dozen.
const MAX_GLOBS: usize = 1000;
const MAX_GLOB_BYTES: usize = 64 << 10;
/// Opening braces in one glob.
const MAX_BRACES: usize = 100;

/// A builder of matchers for `roots`, one each in their order.
///
/// Errors: `invalidParams` for a glob or a type.
pub fn builder(request: &Request, roots: &[Root]) -> Result<WalkBuilder> {
    let mut builder = WalkBuilder::empty();
    for root in roots {
        builder.add(&root.path);
    }
    let obey = !request.no_ignore;
    builder
        .standard_filters(obey)
        .hidden(!request.hidden)
        .follow_links(request.follow)
        .current_dir(&request.root);
    if obey && request.rgignore {
        // The library does not know this name; the binary adds it.
        builder.add_custom_ignore_filename(".rgignore");
    }
    check(&request.globs)?;
    let mut overrides = OverrideBuilder::new(&request.root);
    for glob in &request.globs {
        overrides
            .add(glob)
            .map_err(|cause| wrong("globs", &cause))?;
    }
    builder.overrides(overrides.build().map_err(|cause| wrong("globs", &cause))?);
    match &request.own_types {
        Some(types) => {
            builder.types(types.clone());
        }
        None => add_types(&mut builder, &request.types)?,
    }
    Ok(builder)
}

/// Refuse what would take long to compile: a glob's alternatives become one regular expression each, and compiling cannot be cancelled.
fn check(globs: &[String]) -> Result<()> {
    let bytes: usize = globs.iter().map(String::len).sum();
    let braces = |glob: &String| glob.bytes().filter(|byte| *byte == b'{').count();
    if globs.len() > MAX_GLOBS
        || bytes > MAX_GLOB_BYTES
        || globs.iter().any(|glob| braces(glob) > MAX_BRACES)
    {
        return Err(Error::too_large(
            format!(
                "globs: more than {MAX_GLOBS}, {MAX_GLOB_BYTES} bytes together, or {MAX_BRACES} braces in one"
            ),
            "use fewer or simpler globs",
        ));
    }
    Ok(())
}

fn add_types(builder: &mut WalkBuilder, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let mut types = TypesBuilder::new();
    types.add_defaults();
    for name in names {
        match name.strip_prefix('!') {
            Some(unwanted) => types.negate(unwanted),
            None => types.select(name),
        };
    }
    builder.types(types.build().map_err(|cause| wrong("types", &cause))?);
    Ok(())
}

fn wrong(field: &str, cause: &ignore::Error) -> Error {
    Error::invalid(
        format!("{field}: {cause}"),
        "see `rg --help` for globs and `rg --type-list` for types",
    )
}
