package org.iommu4j.driver.bind;

import static org.iommu4j.layout.FieldOption.about;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

class BindRulesTest {
    private static final Layout.Builder PART =
            Layout.named("part").size(128).littleEndian().spec("test");
    private static final BitField TABLE = PART.address("table", 63, 12, about("table"));
    private static final BitField REQUESTER = PART.bits("requester", 79, 64, about("device"));
    private static final Layout LAYOUT = PART.build();

    private static final Layout.Builder HEADER =
            Layout.named("flags").size(32).littleEndian().spec("test");
    private static final BitField OWN = HEADER.bit("OWN", 17, about("the vendor's"));
    private static final BitField OTHER = HEADER.bit("OTHER", 18, about("the vendor's"));

    private final Completion completion = new Completion();
    private final BindRules<Integer> rules = new BindRules<Integer>()
            .row(Rule.V34, TABLE, "beyond", (part, most) -> part.get(TABLE) <= 0x10_0000)
            .flags(Rule.V35, "not both", (part, most) -> !part.hasFlag(OWN) || part.get(TABLE) == 0)
            .row(null, Errno.ENODEV, REQUESTER, "no device", (part, most) -> part.getInt(REQUESTER) < most);

    private int check(int flags, long table, int requester) {
        byte[] payload = LAYOUT.encode(TABLE.of(table), REQUESTER.of(requester));
        BindRequest request = new BindRequest().set(Uapi.BIND_PGTABLE, 1, flags, payload, 0, payload.length);
        request.image(Abi.I386);
        return rules.check(new BindPart(request, LAYOUT), 8, completion.begin());
    }

    @Test
    void shouldTakeWhatKeepsEveryRow() {
        assertEquals(0, check(0, 0x10_0000, 7));
        assertEquals(0, check((int) OWN.mask(), 0, 7));
    }

    @Test
    void shouldRefuseByTheFirstRowThatDoesNotHoldWithItsFieldAndPlace() {
        assertEquals(Errno.EINVAL.code(), check((int) OWN.mask(), 0x20_0000, 9));
        assertEquals(Rule.V34, completion.rule());
        assertEquals("table", completion.field());
        assertEquals(1, completion.offset());
        assertEquals(0x20_0000, completion.value());
        assertEquals("beyond", completion.reason());

        assertEquals(Errno.EINVAL.code(), check((int) OWN.mask(), 0x1000, 9));
        assertEquals(Rule.V35, completion.rule());
        assertEquals("flags", completion.field());
        assertEquals(Uapi.BIND_FLAGS.argumentOffset(Abi.I386), completion.offset());
        assertEquals(OWN.mask(), completion.value());

        assertEquals(Errno.ENODEV.code(), check(0, 0x1000, 9));
        assertNull(completion.rule());
        assertEquals("requester", completion.field());
        assertEquals(8, completion.offset());
        assertEquals(9, completion.value());
    }

    /** Errno, rule and field with which a bind is refused that keeps no row. */
    private String refusal(BindRules<Integer> row) {
        byte[] payload = LAYOUT.encode(0, 0);
        BindRequest request = new BindRequest().set(Uapi.BIND_PGTABLE, 1, (int) OWN.mask(), payload, 0, payload.length);
        request.image(Abi.I386);
        row.check(new BindPart(request, LAYOUT), 8, completion.begin());
        return completion.errno() + " " + completion.rule() + " " + completion.field() + ": " + completion.reason();
    }

    @Test
    void shouldNameTheUsualRows() {
        BindRules<Integer> none = new BindRules<>();
        assertEquals("EOPNOTSUPP V34 flags: no", refusal(none.unsupported("no", (part, most) -> false)));
        assertEquals(
                "EOPNOTSUPP V34 table: no",
                refusal(new BindRules<Integer>().unsupported(TABLE, "no", (part, most) -> false)));
        assertEquals("EINVAL V35 flags: OWN needs OTHER", refusal(new BindRules<Integer>().needs(OWN, OTHER)));
        assertEquals("OK null : ", refusal(new BindRules<Integer>().needs(OTHER, OWN)));
        assertEquals(
                "ENODEV null requester: " + Answers.NOT_ATTACHED,
                refusal(new BindRules<Integer>().attached(REQUESTER, (part, most) -> false)));
        assertEquals(
                "EBUSY null table: in use",
                refusal(new BindRules<Integer>().free(TABLE, "in use", (part, most) -> false)));
        assertEquals(
                "ENOENT null table: not there",
                refusal(new BindRules<Integer>().bound(TABLE, "not there", (part, most) -> false)));
    }

    @Test
    void shouldKeepTheOrderOfTheContract() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new BindRules<Integer>()
                        .flags(Rule.V35, "agreement", (part, most) -> true)
                        .row(Rule.V36, TABLE, "the host's", (part, most) -> true));
        assertThrows(
                IllegalArgumentException.class,
                () -> new BindRules<Integer>()
                        .row(null, Errno.ENOENT, TABLE, "not there", (part, most) -> true)
                        .row(Rule.V34, TABLE, "no command", (part, most) -> true));
    }
}
