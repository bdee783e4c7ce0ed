//! v1 is additive: everything in the committed descriptor still is what it was.
//!
//! `CITYGATE_CONTRACT=accept cargo test --test api contract` commits additions to the descriptor.
use citygate::model::proto::DESCRIPTORS;
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
};
use std::collections::BTreeSet;
use std::path::Path;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/citygate.v1.bin");

/// The project's own files, without comments.
fn own(bytes: &[u8]) -> FileDescriptorSet {
    let mut set = FileDescriptorSet::decode(bytes).unwrap();
    set.file.retain(|file| file.package() == "citygate.v1");
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

/// Everything that a client relies on, one line each.
fn facts(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for file in &set.file {
        facts.insert(format!("options {:?}", options(file)));
        for message in &file.message_type {
            of_message(file.package(), message, &mut facts);
        }
        for one in &file.enum_type {
            of_enum(file.package(), one, &mut facts);
        }
        for service in &file.service {
            of_service(file.package(), service, &mut facts);
        }
    }
    facts
}

fn options(file: &FileDescriptorProto) -> [String; 3] {
    let options = file.options.clone().unwrap_or_default();
    [
        options.go_package().to_owned(),
        options.java_package().to_owned(),
        options.csharp_namespace().to_owned(),
    ]
}

fn of_message(scope: &str, message: &DescriptorProto, facts: &mut BTreeSet<String>) {
    let name = format!("{scope}.{}", message.name());
    facts.insert(format!("message {name}"));
    for field in &message.field {
        let oneof = field
            .oneof_index
            .and_then(|at| message.oneof_decl.get(usize::try_from(at).unwrap()));
        facts.insert(format!(
            "field {name}.{} = {} {:?} {:?} {} {} {}",
            field.name(),
            field.number(),
            field.label(),
            field.r#type(),
            field.type_name(),
            field.json_name(),
            oneof.map_or("", |oneof| oneof.name()),
        ));
    }
    for nested in &message.nested_type {
        of_message(&name, nested, facts);
    }
    for nested in &message.enum_type {
        of_enum(&name, nested, facts);
    }
}

fn of_enum(scope: &str, one: &EnumDescriptorProto, facts: &mut BTreeSet<String>) {
    for value in &one.value {
        let (name, number) = (value.name(), value.number());
        facts.insert(format!("enum {scope}.{} {name} = {number}", one.name()));
    }
}

fn of_service(scope: &str, service: &ServiceDescriptorProto, facts: &mut BTreeSet<String>) {
    for method in &service.method {
        facts.insert(format!(
            "rpc {scope}.{}/{} {} -> {} {} {}",
            service.name(),
            method.name(),
            method.input_type(),
            method.output_type(),
            method.client_streaming(),
            method.server_streaming(),
        ));
    }
}

#[test]
fn nothing_of_the_committed_contract_is_gone_or_changed() {
    let now = own(DESCRIPTORS);
    if std::env::var("CITYGATE_CONTRACT").is_ok_and(|what| what == "accept") {
        std::fs::write(COMMITTED, now.encode_to_vec()).unwrap();
    }
    let committed = std::fs::read(Path::new(COMMITTED)).unwrap();
    let (committed, now) = (facts(&own(&committed)), facts(&now));
    assert!(
        committed.len() > 60,
        "the committed descriptor is not empty"
    );
    let gone: Vec<_> = committed.difference(&now).collect();
    assert!(gone.is_empty(), "clients rely on these: {gone:#?}");
    let new: Vec<_> = now.difference(&committed).collect();
    assert!(
        new.is_empty(),
        "not committed yet, see the head of this file: {new:#?}"
    );
}

#[test]
fn a_changed_number_type_or_name_is_noticed() {
    let set = own(DESCRIPTORS);
    let before = facts(&set);
    let changes: [fn(&mut FileDescriptorProto); 5] = [
        |file| file.message_type[0].field[0].number = Some(99),
        |file| file.message_type[0].field[0].name = Some("renamed".into()),
        |file| file.message_type[0].field[0].type_name = Some(".other".into()),
        |file| _ = file.enum_type[0].value.pop(),
        |file| _ = file.service[0].method.pop(),
    ];
    for change in changes {
        let mut other = set.clone();
        change(&mut other.file[0]);
        assert_ne!(before.difference(&facts(&other)).count(), 0);
    }
}
