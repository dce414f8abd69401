/*
 * The texts of HTTP that are looked up, not parsed: reason phrases and dates.
 *
 * Both cost a table look-up or a few divisions, touch no global state, and know neither locale nor time zone.
 */

#include "proto/http1_writer.h"

#include <errno.h>
#include <string.h>

const char *bide__http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        /* clang-format off */
        { 100, "Continue" }, { 101, "Switching Protocols" }, { 102, "Processing" }, { 103, "Early Hints" },
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 203, "Non-Authoritative Information" },
        { 204, "No Content" }, { 205, "Reset Content" }, { 206, "Partial Content" }, { 207, "Multi-Status" },
        { 208, "Already Reported" }, { 226, "IM Used" },
        { 300, "Multiple Choices" }, { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
        { 304, "Not Modified" }, { 305, "Use Proxy" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" }, { 403, "Forbidden" },
        { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
        { 411, "Length Required" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" },
        { 414, "URI Too Long" }, { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
        { 417, "Expectation Failed" }, { 418, "I'm a teapot" }, { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" }, { 423, "Locked" }, { 424, "Failed Dependency" }, { 425, "Too Early" },
        { 426, "Upgrade Required" }, { 428, "Precondition Required" }, { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" }, { 451, "Unavailable For Legal Reasons" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
        { 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
        { 506, "Variant Also Negotiates" }, { 507, "Insufficient Storage" }, { 508, "Loop Detected" },
        { 511, "Network Authentication Required" },
        /* clang-format on */
    };

    if (status == 200)
        return "OK";
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static void put_digits(char *place, int count, int64_t number)
{
    while (count > 0) {
        place[--count] = (char)('0' + number % 10);
        number /= 10;
    }
}

int bide__http1_format_date(int64_t seconds, char ret_date[BIDE__HTTP1_DATE_SIZE])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed";              /* 1970-01-01 was a Thursday */
    static const char months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb"; /* a year from March has its leap day last */
    int64_t days = seconds / 86400, second = seconds % 86400;
    int64_t era, day_of_era, year_of_era, day_of_year, month, year;

    if (seconds < 0 || seconds > 253402300799)
        return -ERANGE;
    /* Proleptic Gregorian calendar in eras of 400 years (146097 days) that start on a first of March. */
    era = (days + 719468) / 146097;
    day_of_era = (days + 719468) % 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;
    year = era * 400 + year_of_era + (month >= 10);

    memcpy(ret_date, "Thu, 01 Jan 1970 00:00:00 GMT", BIDE__HTTP1_DATE_SIZE);
    memcpy(ret_date, weekdays + days % 7 * 3, 3);
    put_digits(ret_date + 5, 2, day_of_year - (153 * month + 2) / 5 + 1);
    memcpy(ret_date + 8, months + month * 3, 3);
    put_digits(ret_date + 12, 4, year);
    put_digits(ret_date + 17, 2, second / 3600);
    put_digits(ret_date + 20, 2, second / 60 % 60);
    put_digits(ret_date + 23, 2, second % 60);
    return 0;
}
