package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.shell.testing.FakeHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Vectors typed from the specification and from the proposal, explained by the command line. */
class ExplainCommandGoldenTest {
    /** PASID 0x45, 0x7f0000400000 + 2 MiB, LEAF, sub_version 1, one 128-bit descriptor. */
    private static final String GOLDEN = """
            4c 00 00 00 08 00 00 00 40 00 00 00 03 00 00 00
            02 00 00 00 45 00 00 00 00 00 00 00 00 00 40 00
            00 7f 00 00 00 00 20 00 00 00 00 00 00 00 00 00
            01 00 00 00 10 00 00 00 00 00 00 00 36 00 12 00
            45 00 00 00 49 00 40 00 00 7f 00 00
            """;

    /** Legal: scope VADDR, 0x40000000 + 2 MiB, LEAF, sub_version 0x0110, the descriptor V04 without domain and drains. */
    private static final String LEGAL = """
            4c000000 08000000 40000000 02000000 02000000 00000000 00000000 0000004000000000 0000200000000000
            00000000 10010000 1000000000000000 3200000000000000 4900004000000000
            """;

    @TempDir
    Path home;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private FakeHost host;

    @BeforeEach
    void makeHost() {
        host = new FakeHost(home);
        VtdBackend backend = new VtdBackend();
        host.provide(ExplainService.class, new Explain(model -> model == IommuModel.INTEL ? backend : null));
    }

    private String explained(String... arguments) {
        String[] all = new String[arguments.length + 1];
        all[0] = "explain";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        out.getBuffer().setLength(0);
        assertEquals(
                0,
                Iommu4jCommand.run(host, new PrintWriter(out, true), new PrintWriter(err, true), all),
                () -> err.toString());
        return out.toString();
    }

    private void assertSays(String line) {
        String wanted = line.replaceAll("\\s+", " ");
        assertTrue(
                out.toString()
                        .lines()
                        .anyMatch(each -> each.replaceAll("\\s+", " ").contains(wanted)),
                () -> "no line says '" + line + "':\n" + out);
    }

    @ParameterizedTest
    @CsvSource({
        "V01, 0x00000000000000d2 0x0000000000000000, iotlb_inv_dsc, G 5:4 0x1 global",
        "V02, 0x00000000001200e2 0x0000000000000000, iotlb_inv_dsc, DID 31:16 0x12 domain id VT-d 6.5.2.3",
        "V03, 0x00000000001200f2 0x0000000012345000, iotlb_inv_dsc, ADDR 127:76 0x12345000 first page",
        "V04, 0x00000000001200f2 0x0000000040000049, iotlb_inv_dsc, AM 69:64 0x9 2^9 pages of 4 KiB: 2 MiB",
        "V08, 0x0000031000000003 0x00000000400ff001, dev_tlb_inv_dsc, SID 47:32 0x310",
        "V14, 0x0003031000120031 0x0000000000000000, cc_inv_dsc, FM 49:48 0x3",
        "V15, 0x00000002000000a5 0x0000000001000040, inv_wait_dsc, StatusData 63:32 0x2 what is written",
        "V16, 0x0000002020000014 0x0000000000000000, iec_inv_dsc, IM 31:27 0x4 2^IM entries"
    })
    void shouldFindACommandByItsOpcode(String vector, String words, String format, String line) {
        explained("--model", "intel", words);
        assertSays(format);
        assertSays(line);
        assertTrue(!out.toString().contains("!"), () -> vector + " has nothing wrong:\n" + out);
    }

    @Test
    void shouldShowAFieldAsATableRow() {
        List<String> lines =
                explained("f2001200 00000000 00503412_00000000").lines().toList();
        assertEquals("iotlb_inv_dsc, 00000000001200f2 0000000012345000", lines.get(0));
        assertEquals("iotlb_inv_dsc", lines.get(2));
        assertEquals("field bits value meaning section", lines.get(3).replaceAll("\\s+", " "));
        assertSays("Type 3:0 0x2 IOTLB invalidate VT-d 6.5.2.3");
        assertSays("AM 69:64 0x0 2^0 pages of 4 KiB: 4 KiB VT-d 6.5.2.3");
        assertSays("found by opcode 0x2: command IOTLB_INVALIDATE");
    }

    @Test
    void shouldMarkReservedBitsThatAreSet() {
        explained("--as", "iotlb_inv_dsc", "--sub-version", "0x0110", "0x80000000001200f2", "0x12345100");
        assertSays("reserved 63 0x1 ! must be zero");
        assertSays("reserved 72 0x1 ! must be zero");
        // Bits 11:9 are the upper part of the type from 0x0400 on, and reserved before.
        explained("--sub-version", "0x0110", "0x0000000000120ef2", "0x12345000");
        assertSays("found by opcode 0x2: command IOTLB_INVALIDATE");
        assertSays("reserved 11:9 0x7 ! must be zero");
    }

    @ParameterizedTest
    @CsvSource({
        "PASID_IOTLB_INVALIDATE, 0x0000034500120026 0x0000000000000000",
        "PASID_IOTLB_INVALIDATE, 0x0000034500120036 0x00007f0000001000",
        "PASID_IOTLB_INVALIDATE, 0x000fffff00120036 0x0000000000000002",
        "PASID_DEVICE_TLB_INVALIDATE, 0x0000034503100008 0x7ffffffffffff800",
        "PASID_DEVICE_TLB_INVALIDATE, 0x000abcd00310d058 0x0000000000017800",
        "PASID_CACHE_INVALIDATE, 0x0000034500120017 0x0000000000000000",
        "PASID_CACHE_INVALIDATE, 0x0000000000000037 0x0000000000000000"
    })
    void shouldKnowCommandsOfScalableModeWhereTheGenerationHasThem(String command, String words) {
        explained(words);
        assertSays("command " + command);

        explained("--sub-version", "0x0110", words);
        assertSays("Several formats fit");
        assertSays("context_entry");
        assertSays("no command has that size and opcode");
        for (String later : List.of("\niotlb_inv_dsc", "p_iotlb_inv_dsc", "pc_inv_dsc", "p_dev_tlb_inv_dsc")) {
            assertTrue(!out.toString().contains(later), () -> words + ":\n" + out);
        }
    }

    @Test
    void shouldExplainFaultRecordV18() {
        explained("--as", "FRCD", "0x0000000012345000", "0x8000000500000310");
        assertSays("FI 63:12 0x12345000 page address");
        assertSays("SID 79:64 0x310 source id 03:02.0");
        assertSays("FR 103:96 0x5 WRITE_DENIED: no write permission");
        assertSays("T1 126 0x0 write");
        assertSays("F 127 0x1 record in use");
    }

    @Test
    void shouldExplainARegisterByNameAndByOffset() {
        for (String name : new String[] {"CAP", "cap", "0x08"}) {
            explained("--register", name, "0xd2008c226f0606");
            assertSays("register CAP at 0x8");
            assertSays("ND 2:0 0x6 65536 domain ids VT-d 11.4.2");
            assertSays("MGAW 21:16 0x2f addresses of 48 bits");
        }
        explained("--as", "FSTS", "12000000");
        assertSays("PPF 1 0x1");
        explained("--register", "FRCD_HIGH", "0x8000000500000310");
        assertSays("FR 103:96 0x5 WRITE_DENIED: no write permission");
        assertTrue(!out.toString().contains("FI "), out.toString());
    }

    @Test
    void shouldNameTheRuleThatRefusesTheGoldenVector() {
        explained("--contract", "lp64-le", GOLDEN);
        assertSays("argsz bytes 0-3 0x4c");
        assertSays("scope bytes 0-3 0x3 PASID | VADDR 2017 proposal, item 2");
        assertSays("flags bytes 4-7 0x2 VADDR_LEAF");
        assertSays("pasid bytes 8-11 0x45");
        assertSays("vaddr bytes 16-23 0x7f0000400000");
        assertSays("size bytes 24-31 0x200000");
        assertSays("sub_version bytes 36-39 0x1 !");
        assertSays("refused: EPROTONOSUPPORT by V30, sub_version at byte 48 = 0x1");
    }

    @Test
    void shouldAcceptALegalRequestAndDecodeItsVendorPart() {
        explained("--contract", "lp64-le", LEGAL);
        assertSays("iotlb_inv_dsc, at byte 60");
        assertSays("AM 69:64 0x9 2^9 pages of 4 KiB: 2 MiB");
        assertSays("accepted: no rule of the core refuses it");
    }

    @Test
    void shouldNameFieldOffsetAndValueOfARefusal() {
        explained("--contract", "lp64-le", LEGAL.replaceFirst("02000000 02000000", "12000000 02000000"));
        assertSays("refused: EOPNOTSUPP by V12, scope at byte 12 = 0x12");
        explained("--contract", "lp64-le", LEGAL.replace("3200000000000000", "3200000000000080"));
        assertSays("reserved 63 0x1 ! must be zero");
        assertSays("refused: EINVAL by V34, reserved at byte 7 = 0x1");
        explained("--contract", "lp64-le", "--sub-version", "0x0100", LEGAL);
        assertSays("refused: EPROTONOSUPPORT by V30, sub_version at byte 48 = 0x110");
        explained("--contract", "lp64-be", "0000004c00000008");
        assertSays("vfio_iommu_operation_info.length and what follows is cut off: 8 bytes are there");
        assertSays("refused: EFAULT by V4, argsz at byte 0 = 0x4c");
    }

    @Test
    void shouldDecodeTheBindPayload() {
        explained(
                "--contract",
                "lp64-le",
                "38000000 04000000 2c000000 2c000000 00000000 10010000 00000000 00000000"
                        + " 0010000001000000 0800000027000000 0500000000000000");
        assertSays("BIND_PGTABLE");
        assertSays("vtd_bind_pgtable flags, at byte 24");
        assertSays("PASS_THROUGH 16 0x0");
        assertSays("vtd_bind_pgtable, at byte 32");
        assertSays("table_root 63:12 0x100001000");
        assertSays("address_width 127:96 0x27 3 levels");
        assertSays("accepted");
    }

    @Test
    void shouldPrintTheSameAsData() {
        String json = explained("--json", "--as", "iotlb_inv_dsc", "0x80000000001200f2", "0x12345000");
        assertTrue(json.startsWith("{\"outcome\":\"explained\",\"subject\":\"iotlb_inv_dsc"), json);
        assertTrue(
                json.contains("{\"field\":\"G\",\"bits\":\"5:4\",\"offset\":0,\"value\":\"0x3\",\"meaning\":\"page\","
                        + "\"wrong\":false}"),
                json);
        assertTrue(
                json.contains("{\"field\":\"reserved\",\"bits\":\"63\",\"offset\":7,\"value\":\"0x1\","
                        + "\"meaning\":\"must be zero\",\"wrong\":true}"),
                json);
        String request = explained("--json", "--contract", "lp64-le", GOLDEN);
        assertTrue(
                request.contains(
                        "\"verdict\":{\"errno\":\"EPROTONOSUPPORT\",\"rule\":\"V30\",\"field\":\"sub_version\","
                                + "\"offset\":48,\"value\":\"0x1\""),
                request);
    }

    @Test
    void shouldReadBytesFromAFile() throws IOException {
        Path file = Files.write(home.resolve("entry"), new byte[] {0x03, 0x10, 0, 0, 0, 0, 0, 0});
        explained("--as", "ss_paging_entry", "--file", file.toString());
        assertSays("ss_paging_entry, 0000000000001003");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "zz",
                "123",
                "0x",
                "0x1200f2 12345000",
                "0x112233445566778899",
                "--as nothing 00",
                "--as iotlb_inv_dsc 0011",
                "--as CAP 00",
                "--register NOSUCH 0x0",
                "--register CAP 0x0 0x0",
                "--register FSTS 0x100000000",
                "--model riscv 00",
                "--model amd 00",
                "--contract sparc 00",
                "--contract lp64-le --as x 00",
                "--sub-version many 00",
                "--sub-version 0x0999 0x1200f2 0x12345000",
                "--file /no/such/file",
                "--file x 00",
                "000000"
            })
    void shouldRefuseBadInputWithOneLine(String arguments) {
        String[] all = ("explain " + arguments).strip().split(" ", -1);
        assertEquals(2, Iommu4jCommand.run(host, new PrintWriter(out, true), new PrintWriter(err, true), all));
        assertEquals(1, err.toString().lines().count(), err::toString);
        assertEquals("", out.toString());
    }
}
